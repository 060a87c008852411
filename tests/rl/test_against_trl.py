"""Our losses and TRL's on the same numbers: values and gradients."""

import collections
import types
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.batches import LearnerBatch
from rrm_jax.ops import masked
from rrm_jax.rl import learner, losses

torch = pytest.importorskip("torch", reason="torch is the peer")
pytest.importorskip("trl", reason="TRL is the peer")
with warnings.catch_warnings():
  warnings.simplefilter("ignore")
  from trl import GRPOTrainer

ROWS, TOKENS, LONGEST = 6, 9, 12

CASES = {
  "dapo": (
    config.Objective(clip_high=0.28),
    {"loss_type": "dapo", "epsilon_high": 0.28},
  ),
  "dual clip": (
    config.Objective(dual_clip=1.5), {"loss_type": "dapo", "delta": 1.5},
  ),
  "grpo": (
    config.Objective(aggregation="sequence", kl_coefficient=0.1),
    {"loss_type": "grpo", "beta": 0.1},
  ),
  "dr_grpo": (
    config.Objective(aggregation="fixed"), {"loss_type": "dr_grpo"},
  ),
  "gspo": (
    config.Objective(
      policy="gspo", aggregation="sequence", clip_low=0.03, clip_high=0.04
    ),
    {
      "loss_type": "grpo", "importance_sampling_level": "sequence",
      "epsilon_low": 0.03, "epsilon_high": 0.04,
    },
  ),
  # TRL bounds the weight above alone, and by itself: 1.5 is 1 + 0.5.
  "cispo": (
    config.Objective(policy="cispo", clip_low=1.0, clip_high=0.5),
    {"loss_type": "cispo", "epsilon_high": 1.5},
  ),
}  # fmt: skip


@pytest.fixture(scope="module")
def numbers():
  rng = np.random.default_rng(0)
  shape = (ROWS, TOKENS)
  logprobs = -rng.exponential(1.0, shape)
  return {
    "logprobs": logprobs,
    "old": logprobs + 0.3 * rng.standard_normal(shape),
    "reference": logprobs + 0.5 * rng.standard_normal(shape),
    "advantages": rng.standard_normal(ROWS),
    "sampled": np.arange(TOKENS) < rng.integers(2, TOKENS + 1, (ROWS, 1)),
  }


def theirs(numbers, **settings):
  """TRL's own method on a stand-in for its trainer."""
  held = {name: torch.tensor(x) for name, x in numbers.items()}
  logprobs = held["logprobs"].requires_grad_()
  delta = settings.pop("delta", None)
  accelerator = types.SimpleNamespace(
    num_processes=1, gather=lambda x: x, reduce=lambda x, reduction: x
  )
  trainer = types.SimpleNamespace(
    **{
      "beta": 0.0, "epsilon_low": 0.2, "epsilon_high": 0.2,
      "importance_sampling_level": "token", "top_entropy_quantile": 1.0,
      "off_policy_mask_threshold": None, "aux_loss_enabled": False,
      "use_vllm": False, "_entropy_bonus_enabled": False,
      "current_gradient_accumulation_steps": 1,
      "max_completion_length": LONGEST,
      "accelerator": accelerator,
      "model": types.SimpleNamespace(training=False),
      "args": types.SimpleNamespace(
        delta=delta, use_bias_correction_kl=False, steps_per_generation=1
      ),
      "_metrics": collections.defaultdict(
        lambda: collections.defaultdict(list)
      ),
      "_get_per_token_logps_and_entropies": lambda *_, **__: (
        logprobs, torch.zeros_like(logprobs), None,
      ),
    }
    | settings
  )  # fmt: skip
  mask = held["sampled"].double()
  nothing = torch.zeros((ROWS, 1), dtype=torch.long)
  loss = GRPOTrainer._compute_loss(
    trainer,
    None,
    {
      "prompt_ids": nothing, "prompt_mask": nothing,
      "completion_ids": torch.zeros((ROWS, TOKENS), dtype=torch.long),
      "completion_mask": mask,
      "advantages": held["advantages"],
      "old_per_token_logps": held["old"],
      "ref_per_token_logps": held["reference"],
      "num_items_in_batch": mask.sum(),
    },
  )  # fmt: skip
  loss.backward()
  return loss.item(), logprobs.grad.numpy()


def ours(numbers, objective):
  """As an update sums it up."""
  held = {
    name: jnp.asarray(x, bool if x.dtype == bool else jnp.float32)
    for name, x in numbers.items()
  }
  batch = LearnerBatch(
    tokens=jnp.zeros((ROWS, TOKENS), jnp.int32),
    sampled=held["sampled"],
    logprobs=held["old"],
    reference_logprobs=held["reference"],
    advantages=held["advantages"],
  )

  def loss(logprobs):
    each, _ = learner.policy_loss(logprobs, batch, objective)
    each *= losses.row_weights(batch.sampled, objective.aggregation)
    return masked.total(each, batch.sampled) / losses.total_weight(
      batch.sampled, objective.aggregation, LONGEST
    )

  return jax.value_and_grad(loss)(held["logprobs"])


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(numbers, case):
  objective, settings = CASES[case]
  wanted, slope = theirs(numbers, **settings)
  found, gradient = ours(numbers, objective)
  np.testing.assert_allclose(found, wanted, rtol=2e-6)
  np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-7)
  assert np.abs(slope).max() > 1e-3
