"""What learning would hold at a real vocabulary and length; nothing is run."""

import jax
import jax.numpy as jnp
import pytest

from rrm_jax import config, optimizer
from rrm_jax.batches import LearnerBatch
from rrm_jax.model import qwen2
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from tests import tiny

ROWS, TOKENS, VOCAB = 4, 8_192, 152_064
CFG = tiny.variant(
  vocab_size=VOCAB, embed_dim=8, mlp_dim=8, num_layers=1, num_heads=2,
  num_kv_heads=2, head_dim=4, remat="full",
)  # fmt: skip


def array(over, dtype, *shape):
  cut = over.named("batch", *(None,) * (len(shape) - 1))
  return jax.ShapeDtypeStruct(shape, dtype, sharding=cut)


def score(over):
  return learner.score.lower(
    train_state.abstract_params(CFG, over),
    array(over, jnp.int32, ROWS, TOKENS),
    None,
    way=learner.Way(CFG, UNFILTERED, over),
  )


def update(over):
  chain = optimizer.build(config.Optimizer(learning_rate=1e-3), 1)
  figures = array(over, jnp.float32, ROWS, TOKENS)
  return learner.update.lower(
    train_state.abstract_state(CFG, chain, over),
    LearnerBatch(
      tokens=array(over, jnp.int32, ROWS, TOKENS),
      sampled=array(over, jnp.bool_, ROWS, TOKENS),
      logprobs=figures,
      reference_logprobs=figures,
      advantages=array(over, jnp.float32, ROWS),
    ),
    way=learner.Way(CFG, UNFILTERED, over),
    objective=config.Objective(kl_coefficient=1e-3),
    chain=chain,
  )


def plain(over):
  """Log-probabilities as they are written in books."""

  def logprobs(params, tokens):
    hidden, _ = qwen2.forward(params, CFG, tokens, layout=over)
    logits = hidden[:, :-1] @ qwen2.unembedding(params, CFG)
    table = jax.nn.log_softmax(logits)
    return jnp.take_along_axis(table, tokens[:, 1:, None], axis=-1)

  params = train_state.abstract_params(CFG, over)
  return jax.jit(logprobs).lower(params, array(over, jnp.int32, ROWS, TOKENS))


def of_all_logits(lowered, over):
  """Temporary memory as a fraction of a device's [rows, tokens, vocab]."""
  memory = lowered.compile().memory_analysis()
  whole = ROWS // over.batch_parts * TOKENS * VOCAB * 4
  return memory.temp_size_in_bytes / whole


@pytest.mark.parametrize("program", [score, update])
def test_logits_are_never_held_at_once(program):
  over = tiny.layout(1, 4, 1)
  assert of_all_logits(program(over), over) < 0.1


def test_the_measure_sees_them_where_they_are():
  over = tiny.layout(1, 4, 1)
  assert of_all_logits(plain(over), over) > 0.9
