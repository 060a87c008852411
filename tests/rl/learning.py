"""A small learner's model, batch and updates, for the tests beside it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rrm_jax import config, optimizer
from rrm_jax.batches import LearnerBatch, TrainState
from rrm_jax.model import qwen2
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from rrm_jax.sharding import fetch, put
from tests import tiny

# Cuts along tensor=4 as well.
MODEL = tiny.variant(num_kv_heads=4)
ROWS, COLUMNS = 16, 10
OBJECTIVE = config.Objective(kl_coefficient=0.1, clip_high=0.28)
# With this eps a move is a smooth function of its gradient; with the usual
# one, Adam's first move is the sign of it, noise of 1e-8 included.
ADAM = optimizer.build(
  config.Optimizer(learning_rate=1e-2, eps=1e-3, weight_decay=0.1), 10
)
# The move is the gradient.
PLAIN = optax.sgd(1.0)
STILL = optimizer.build(config.Optimizer(learning_rate=0.0), 10)


def way(over=None, **changes):
  return learner.Way(MODEL, UNFILTERED, over or tiny.layout(), **changes)


def close(one, other, tolerance=1e-6):
  jax.tree.map(
    lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=tolerance),
    one,
    other,
  )


def logits(params, tokens):
  hidden, _ = qwen2.forward(params, MODEL, tokens)
  return hidden @ qwen2.unembedding(params, MODEL)


@jax.jit
def plain_logprobs(params, tokens):
  """[N, T] by the plain formula, 0 in the first column."""
  table = jax.nn.log_softmax(logits(params, tokens)[:, :-1])
  picked = jnp.take_along_axis(table, tokens[:, 1:, None], axis=-1)[..., 0]
  return jnp.pad(picked, ((0, 0), (1, 0)))


@functools.cache
def whole_batch():
  """Rows of uneven weight, some off-policy enough to be clipped."""
  rng = np.random.default_rng(0)
  shape = (ROWS, COLUMNS)
  tokens = rng.integers(0, MODEL.vocab_size, shape).astype(np.int32)
  start = rng.integers(1, 5, (ROWS, 1))
  end = rng.integers(5, COLUMNS + 1, (ROWS, 1))
  column = np.arange(COLUMNS)
  sampled = (column >= start) & (column < end)
  own = plain_logprobs(tiny.single(tiny.params(MODEL)), jnp.asarray(tokens))
  noise = rng.standard_normal((2, *shape)).astype(np.float32)
  return LearnerBatch(
    tokens,
    sampled,
    np.where(sampled, own + 0.2 * noise[0], 0).astype(np.float32),
    np.where(sampled, own + 0.5 * noise[1], 0).astype(np.float32),
    rng.standard_normal(ROWS).astype(np.float32),
  )


def placed(batch, over):
  """Rows over the devices; prompts, which may be fewer, whole on each."""
  prefix = put(batch.prefix, over.replicated)
  rows = put(dataclasses.replace(batch, prefix=None), over.named("batch"))
  return dataclasses.replace(rows, prefix=prefix)


@functools.cache
def cut(chain, over):
  return train_state.state_shardings(MODEL, chain, over)


def fresh(over, chain=ADAM, params=None):
  """A state at step 0, made on the host."""
  params = params or tiny.params(MODEL)
  return put(
    TrainState(np.int32(0), params, chain.init(params)), cut(chain, over)
  )


def updated(
  batch,
  over=None,
  chain=ADAM,
  objective=OBJECTIVE,
  params=None,
  minibatches=1,
  microbatches=1,
  shared=True,
):
  """Parameters and metrics after one update from fresh moments."""
  over = over or tiny.layout()
  state, metrics = learner.update(
    fresh(over, chain, params),
    placed(batch, over),
    way=way(over, shared=shared),
    objective=objective,
    chain=chain,
    minibatches=minibatches,
    microbatches=microbatches,
  )
  return fetch(state.params), fetch(metrics)


def gradient(batch, objective, params=None, shared=True):
  before = params or tiny.params(MODEL)
  after, metrics = updated(
    batch, chain=PLAIN, objective=objective, params=before, shared=shared
  )
  return jax.tree.map(np.subtract, before, after), metrics
