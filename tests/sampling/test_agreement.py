"""The sampler's logprobs are the learner's, whatever stands between."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.ops import filters
from rrm_jax.rl import learner
from tests import tiny
from tests.tiny import sample

LENGTHS = (3, 8, 1, 5, 6, 2, 8, 4)


@pytest.fixture(scope="module")
def prompts():
  return tiny.prompts(LENGTHS, 8)


def sampled(prompts, cfg=tiny.MODEL, **changes):
  """Rows, sampled with some filters."""
  sampling = dataclasses.replace(tiny.SAMPLING, **changes)
  return sample(prompts, sampling=sampling, cfg=cfg)


def difference(rollout, cfg=tiny.MODEL, **changes):
  """How far the learner is off, on each sampled token."""
  sampling = dataclasses.replace(tiny.SAMPLING, **changes)
  scores = learner.score(
    tiny.single(tiny.params(cfg)),
    jnp.asarray(rollout.tokens),
    None,
    way=learner.Way(cfg, filters.of(sampling), tiny.layout()),
  )
  return np.abs(np.asarray(scores) - rollout.logprobs)[rollout.sampled]


@pytest.mark.parametrize(
  "changes",
  [
    {},
    {"temperature": 0.7},
    {"top_k": 5},
    {"top_p": 0.6},
    {"min_p": 0.2},
    {"temperature": 1.3, "top_k": 20, "top_p": 0.8, "min_p": 0.05},
  ],
  ids=str,
)
def test_the_learner_agrees(prompts, changes):
  rollout = sampled(prompts, **changes)
  assert difference(rollout, **changes).max() < 1e-5
  # With other filters it would not.
  assert difference(rollout, temperature=1.9).max() > 0.1


def test_filters_apply(prompts):
  """With two tokens to choose from, logprobs are of that choice."""
  rollout = sampled(prompts, top_k=2)
  probs = np.exp(rollout.logprobs[rollout.sampled])
  assert ((probs > 0) & (probs <= 1 + 1e-6)).all()
  assert difference(rollout).max() > 0.5  # far from the whole softmax's


def test_in_bf16_the_learner_agrees_to_its_grain(prompts):
  """Both round alike but where another order of sums tips a rounding.

  A tipped hidden value moves a logit by 2^-8 / sqrt(32), and few are tipped.
  Logits rounded to bf16 would each be off by about 2^-9 on the average.
  """
  cfg = tiny.variant(compute_dtype="bfloat16")
  found = difference(sampled(prompts, cfg), cfg)
  assert found.max() < 2**-8
  assert found.mean() < 2**-12
