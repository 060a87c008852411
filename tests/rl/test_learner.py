"""An update is the same however it is split; what is not sampled has no say."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.batches import LearnerBatch
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from rrm_jax.sharding import fetch, put
from tests import tiny

from .learning import (
  ADAM,
  MODEL,
  OBJECTIVE,
  ROWS,
  STILL,
  close,
  fresh,
  gradient,
  logits,
  plain_logprobs,
  updated,
  way,
)


@pytest.fixture(scope="module")
def whole(batch):
  return updated(batch)


def test_the_update_changes_every_parameter(whole):
  before = tiny.params(MODEL)
  changed = jax.tree.map(
    lambda x, y: np.abs(x - y).max() > 1e-5, whole[0], before
  )
  assert all(jax.tree.leaves(changed))


def test_metrics_by_hand(batch, whole):
  """Each a mean over the sampled tokens, by numpy from plain logprobs."""
  tokens = jnp.asarray(batch.tokens)
  params = tiny.single(tiny.params(MODEL))
  logprobs = np.asarray(plain_logprobs(params, tokens), np.float64)
  ratio = np.exp(logprobs - batch.logprobs)
  gain = batch.advantages[:, None]
  bounded = np.clip(ratio, 0.8, 1.28) * gain
  d = batch.reference_logprobs - logprobs
  kl = np.exp(d) - d - 1
  table = np.asarray(jax.nn.log_softmax(logits(params, tokens)), np.float64)
  entropy = -np.sum(np.exp(table) * table, axis=-1)
  entropy = np.pad(entropy[:, :-1], ((0, 0), (1, 0)))
  expected = {
    "loss": -np.minimum(ratio * gain, bounded) + 0.1 * kl,
    "ratio": ratio,
    "clipped": bounded < ratio * gain,
    "kl": kl,
    "entropy": entropy,
    "logprob_difference": np.abs(logprobs - batch.logprobs),
  }
  metrics = whole[1]
  for name, value in expected.items():
    mean = value[batch.sampled].mean()
    np.testing.assert_allclose(metrics[name], mean, rtol=2e-5, err_msg=name)
  assert metrics["clipped"] > 0.02
  assert metrics["last_ratio"] == metrics["ratio"]
  assert not metrics["bad_rows"].any() and metrics["bad_rows"].shape == (ROWS,)


def test_microbatches_change_nothing(batch, whole):
  """Four here; two, on the meshes below."""
  params, metrics = updated(batch, microbatches=4)
  close(params, whole[0])
  close(metrics, whole[1], 1e-5)


@pytest.mark.parametrize("fsdp, tensor", [(4, 2), (2, 4)])
def test_meshes_change_nothing(batch, whole, fsdp, tensor):
  over = tiny.layout(1, fsdp, tensor)
  params, metrics = updated(batch, over, microbatches=2)
  close(params, whole[0])
  close(metrics, whole[1], 1e-5)


OTHERS = {
  "gspo": config.Objective(
    policy="gspo", aggregation="sequence", clip_low=0.05, clip_high=0.05
  ),
  "cispo": config.Objective(policy="cispo", aggregation="fixed"),
  "reinforce": config.Objective(
    policy="reinforce", kl_coefficient=0.1, kl_estimator="k2"
  ),
  "dual clip": config.Objective(dual_clip=1.1, importance_cap=1.2),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_objectives(batch, name):
  """By differentiating the plain formula; the split changes nothing."""
  objective = OTHERS[name]
  if objective.importance_cap:
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.5, 1.2, batch.tokens.shape).astype(np.float32)
    batch = dataclasses.replace(batch, importance=weights)

  held = jax.tree.map(jnp.asarray, batch)

  def loss(params):
    logprobs = plain_logprobs(params, held.tokens)
    logprobs = jnp.where(held.sampled, logprobs, 0.0)
    each, _ = learner.policy_loss(logprobs, held, objective)
    count = batch.sampled.sum(axis=1)
    rows = (each * batch.sampled).sum(axis=1)
    if objective.aggregation == "sequence":
      return jnp.mean(rows / count)
    if objective.aggregation == "fixed":
      return jnp.mean(rows / batch.tokens.shape[1])
    return rows.sum() / count.sum()

  value, expected = jax.jit(jax.value_and_grad(loss))(
    tiny.single(tiny.params(MODEL))
  )
  found, metrics = gradient(batch, objective)
  np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
  close(found, fetch(expected), 1e-5)
  parts, _ = updated(batch, objective=objective, microbatches=4)
  whole, _ = updated(batch, objective=objective)
  close(parts, whole)


def rows_of(batch, rows):
  return jax.tree.map(lambda x: x[rows], batch)


def test_minibatches_are_updates_one_after_the_other(batch):
  """Dealt like cards: the even rows first, then the odd."""
  params, metrics = updated(batch, minibatches=2)
  over = tiny.layout()
  state = fresh(over)
  seen = []
  for rows in (slice(0, None, 2), slice(1, None, 2)):
    state, one = learner.update(
      state,
      put(rows_of(batch, rows), over.named("batch")),
      way=way(over),
      objective=OBJECTIVE,
      chain=ADAM,
    )
    seen.append(fetch(one))
  close(params, fetch(state.params))
  assert int(state.step) == 2
  for name in ("loss", "ratio", "kl", "gradient_norm"):
    np.testing.assert_allclose(metrics[name], seen[0][name], rtol=1e-5)
  for name in ("ratio", "clipped", "gradient_norm"):
    last = metrics[f"last_{name}"]
    np.testing.assert_allclose(last, seen[1][name], rtol=1e-5)
  assert abs(seen[0]["ratio"] - seen[1]["ratio"]) > 1e-4


@pytest.mark.parametrize(
  "poisoned, flagged",
  [
    ([], []),
    ([3, 9], [3, 9]),  # of the second minibatch
    ([4, 10, 14], [4, 10, 14]),  # of the first, which spoils the second
    ([1], [1]),
    ([3, 6], [6]),
  ],
)
def test_bad_rows_are_named(batch, poisoned, flagged):
  """Two minibatches of two microbatches: rows come back to their places."""
  advantages = batch.advantages.copy()
  advantages[poisoned] = np.nan
  _, metrics = updated(
    dataclasses.replace(batch, advantages=advantages),
    minibatches=2,
    microbatches=2,
  )
  assert np.flatnonzero(metrics["bad_rows"]).tolist() == flagged
  # Whatever went wrong, a figure shows it, so the run stops.
  assert np.isfinite(metrics["last_gradient_norm"]) == (not poisoned)


def test_the_supervised_loss_and_gradient_by_the_plain_formula(batch):
  """What is not sampled adds nothing, whatever else the batch says of it."""

  def loss(params):
    logprobs = plain_logprobs(params, jnp.asarray(batch.tokens))
    return -jnp.sum(logprobs * batch.sampled) / batch.sampled.sum()

  value, expected = jax.jit(jax.value_and_grad(loss))(
    tiny.single(tiny.params(MODEL))
  )
  found, metrics = gradient(batch, None)
  np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
  close(found, fetch(expected), 1e-5)


def test_unsampled_tokens_have_no_gradient(batch):
  """Not even where the numbers given for them are absurd."""
  expected, _ = gradient(batch, OBJECTIVE)
  absurd = dataclasses.replace(
    batch,
    logprobs=np.where(batch.sampled, batch.logprobs, -1e4),
    reference_logprobs=np.where(batch.sampled, batch.reference_logprobs, 80),
  )
  absurd = jax.tree.map(
    lambda x: x.astype(np.float32) if x.dtype == np.float64 else x, absurd
  )
  found, _ = gradient(absurd, OBJECTIVE)
  close(found, expected, 1e-6)
  nothing = dataclasses.replace(batch, sampled=np.zeros_like(batch.sampled))
  found, metrics = gradient(nothing, OBJECTIVE)
  assert not any(x.any() for x in jax.tree.leaves(found))
  assert metrics["loss"] == 0


def test_improbable_prompts_do_not_overflow(batch):
  """log p = -500 in a prompt, which exp(reference - log p) cannot hold."""
  params = tiny.params(MODEL)
  params["unembedding"] = params["unembedding"] * 200
  own = np.asarray(
    plain_logprobs(tiny.single(params), jnp.asarray(batch.tokens))
  )
  assert own[~batch.sampled].min() < -200
  likely = dataclasses.replace(
    batch,
    logprobs=np.where(batch.sampled, own, 0),
    reference_logprobs=np.where(batch.sampled, own, 0),
  )
  found, _ = gradient(likely, OBJECTIVE, params)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))


def test_at_rate_zero_nothing_drifts():
  """Sampled and learned from at rate 0: the same bits, ratios of 1."""
  over = tiny.layout()
  rollout = tiny.sample(tiny.prompts((3, 8, 1, 5, 6, 2, 8, 4), 8), over)
  ones = np.ones(len(rollout.length), np.float32)
  zeros = np.zeros_like(rollout.logprobs)
  batch = LearnerBatch(
    rollout.tokens, rollout.sampled, rollout.logprobs, zeros, ones
  )
  before = tiny.params()
  state = train_state.init_state(
    tiny.placed(before, over), tiny.MODEL, STILL, over
  )
  state, metrics = learner.update(
    state,
    put(batch, over.named("batch")),
    way=learner.Way(tiny.MODEL, UNFILTERED, over),
    objective=config.Objective(),
    chain=STILL,
    microbatches=2,
  )
  assert metrics["logprob_difference"] < 1e-5
  np.testing.assert_allclose(metrics["ratio"], 1, atol=1e-5)
  assert metrics["clipped"] == 0
  assert metrics["gradient_norm"] > 0.01
  jax.tree.map(np.testing.assert_array_equal, fetch(state.params), before)
