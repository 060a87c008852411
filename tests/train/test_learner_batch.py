"""What an update takes, by hand: advantages, the divergence, what is kept."""

import dataclasses

import jax
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.batches import Prefix
from rrm_jax.sampling.completions import Rows
from rrm_jax.train import grpo

P, G, T = 3, 4, 5
RNG = np.random.default_rng(3)
REWARDS = np.array(
  [[1, -1, 1, 1], [-1, -1, -1, -1], [-1, 1, -1, -1]], np.float32
)
SAMPLED = np.arange(T) < RNG.integers(1, T + 1, (P * G, 1))
SAMPLER, REFERENCE, OWN = RNG.uniform(-2, -0.1, (3, P * G, T)).astype("f4")
KEPT = np.repeat([True, False, True], G)


def made(objective, kept=None, reference=None, old=None):
  prefix = Prefix(np.zeros((P, 1), np.int32), np.ones(P, np.int32))
  tokens = np.zeros((P * G, T), np.int32)
  seen = Rows(prefix, tokens, SAMPLED, np.where(SAMPLED, SAMPLER, 0))
  arrays = jax.tree.map(jax.numpy.asarray, (seen, REWARDS, kept))
  batch, measured = grpo._assemble(*arrays, reference, old, objective=objective)
  return jax.device_get((batch, measured))


def leave_one_out(rewards):
  return np.array(
    [
      [one - np.delete(group, i).mean() for i, one in enumerate(group)]
      for group in rewards
    ]
  ).reshape(-1)


RLOO = config.Objective(baseline="leave_one_out", std_normalized=False)


def test_leave_one_out():
  batch, measured = made(RLOO)
  np.testing.assert_allclose(
    batch.advantages, leave_one_out(REWARDS), atol=1e-6
  )
  assert not measured and not batch.reference_logprobs.any()


@pytest.mark.parametrize("kept", [None, KEPT])
@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_the_divergence_in_the_reward(estimator, kept):
  """Summed over a sample's own tokens, and nothing of what is dropped."""
  objective = dataclasses.replace(
    RLOO, kl_coefficient=0.3, kl_in="reward", kl_estimator=estimator
  )
  batch, measured = made(objective, kept, REFERENCE)
  d = SAMPLER.astype(np.float64) - REFERENCE
  each = {"k1": d, "k2": d**2 / 2, "k3": np.exp(-d) + d - 1}[estimator]
  own = SAMPLED if kept is None else SAMPLED & kept[:, None]
  paid = np.where(own, each, 0).sum(axis=1).reshape(P, G)
  expected = leave_one_out(REWARDS - 0.3 * paid)
  np.testing.assert_allclose(batch.advantages, expected, atol=1e-5)
  np.testing.assert_allclose(measured["kl"], each[own].mean(), rtol=1e-5)
  np.testing.assert_array_equal(batch.sampled, own)
  if kept is not None:
    assert not batch.advantages[~kept].any()


def test_truncated_importance():
  """The sampler is still told of: the update sees the learner's own only."""
  objective = config.Objective(importance_cap=1.1)
  batch, measured = made(objective, old=OWN)
  expected = np.minimum(np.exp(OWN - SAMPLER), 1.1)[SAMPLED]
  assert (expected == np.float32(1.1)).any() and (expected < 1).any()
  np.testing.assert_allclose(batch.importance[SAMPLED], expected, rtol=1e-5)
  np.testing.assert_array_equal(batch.logprobs, OWN)
  difference = np.abs(OWN - SAMPLER)[SAMPLED].mean()
  np.testing.assert_allclose(
    measured["logprob_difference"], difference, rtol=1e-5
  )


def test_nothing_kept_measures_nothing():
  objective = dataclasses.replace(
    RLOO, kl_coefficient=0.3, kl_in="reward", kl_estimator="k1"
  )
  batch, measured = made(objective, np.zeros(P * G, bool), REFERENCE)
  assert measured["kl"] == 0 and not batch.sampled.any()
