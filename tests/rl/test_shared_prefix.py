"""A prompt read once for its completions is a prompt read with each."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.batches import LearnerBatch, Prefix
from rrm_jax.rl import learner
from rrm_jax.sharding import fetch
from tests import tiny

from .learning import (
  MODEL,
  OBJECTIVE,
  PLAIN,
  close,
  gradient,
  plain_logprobs,
  updated,
  way,
)

PROMPTS, SAMPLES, BEFORE, WIDTH = 16, 3, 7, 5


def compact(batch):
  """Rows as they are read: prompt, completion, padding."""
  rows = np.zeros((PROMPTS * SAMPLES, BEFORE + WIDTH), np.int32)
  at = np.zeros((PROMPTS * SAMPLES, WIDTH), np.int32)
  for i, tokens in enumerate(batch.tokens):
    length = batch.prefix.length[i // SAMPLES]
    rows[i, :length] = batch.prefix.tokens[i // SAMPLES, :length]
    rows[i, length : length + WIDTH] = tokens
    at[i] = length + np.arange(WIDTH)
  return rows, at


def logprobs(params, rows, at):
  return jnp.take_along_axis(plain_logprobs(params, rows), at, axis=1)


@pytest.fixture(scope="module")
def groups():
  """Prompts and completions of every length, forced tokens among them."""
  rng = np.random.default_rng(3)
  rows = PROMPTS * SAMPLES
  length = rng.integers(1, BEFORE + 1, PROMPTS).astype(np.int32)
  length[:2] = 1, BEFORE
  prefix = Prefix(
    # What pads a prompt is as good as a token: no mask looks at ids.
    rng.integers(0, MODEL.vocab_size, (PROMPTS, BEFORE)).astype(np.int32),
    length,
  )
  tokens = rng.integers(0, MODEL.vocab_size, (rows, WIDTH)).astype(np.int32)
  sampled = np.arange(WIDTH) < rng.integers(1, WIDTH + 1, (rows, 1))
  sampled &= rng.random((rows, WIDTH)) < 0.9
  noise = rng.standard_normal((2, rows, WIDTH)).astype(np.float32)
  batch = LearnerBatch(
    tokens, sampled, noise[0], noise[1], rng.standard_normal(rows), None, prefix
  )
  own = logprobs(tiny.single(tiny.params(MODEL)), *compact(batch))
  near = (np.asarray(own) + 0.3 * noise) * sampled
  return LearnerBatch(
    tokens,
    sampled,
    near[0],
    near[1],
    batch.advantages.astype(np.float32),
    prefix=prefix,
  )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("microbatches", [1, 4])
def test_scores(groups, shared, microbatches):
  params = tiny.single(tiny.params(MODEL))
  found = learner.score(
    params,
    jnp.asarray(groups.tokens),
    jax.tree.map(jnp.asarray, groups.prefix),
    way=way(shared=shared),
    microbatches=microbatches,
  )
  wanted = logprobs(params, *compact(groups))
  np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_are_the_plain_formulas(groups, shared):
  rows, at = compact(groups)
  held = jax.tree.map(jnp.asarray, groups)

  def loss(params):
    own = jnp.where(held.sampled, logprobs(params, rows, at), 0.0)
    each, _ = learner.policy_loss(own, held, OBJECTIVE)
    return jnp.sum(each * held.sampled) / held.sampled.sum()

  value, expected = jax.jit(jax.value_and_grad(loss))(
    tiny.single(tiny.params(MODEL))
  )
  found, metrics = gradient(groups, OBJECTIVE, shared=shared)
  np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
  close(found, fetch(expected))


@pytest.mark.parametrize("mesh", [(1, 1, 1), (1, 4, 2), (1, 2, 4), (2, 2, 2)])
def test_meshes_and_parts_change_nothing(groups, mesh):
  """Four microbatches in two minibatches, dealt by whole groups."""
  update = functools.partial(updated, groups, chain=PLAIN, minibatches=2)
  params, metrics = update(shared=False)
  over = tiny.layout(*mesh)
  parts = 16 // (2 * over.batch_parts)
  other, same = update(over, microbatches=min(4, parts))
  close(params, other, 2e-6)
  close(metrics, same, 2e-5)


def test_a_group_stays_together(groups):
  """Where a row's loss is not finite, that row is named."""
  wrong = groups.logprobs.copy()
  wrong[7, np.flatnonzero(groups.sampled[7])[0]] = -np.inf
  batch = LearnerBatch(
    **{**groups.__dict__, "logprobs": wrong, "advantages": -np.ones(48, "f4")}
  )
  for minibatches in (1, 2):
    _, metrics = updated(batch, minibatches=minibatches, microbatches=2)
    assert np.flatnonzero(metrics["bad_rows"]).tolist() == [7]
