"""Each loss by hand, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.rl import losses

LOW, HIGH = 0.2, 0.3
# advantage, ratio, loss, gradient by the log-probability, clipped.
QUADRANTS = [
  (2.0, 0.5, -1.0, -1.0, False),
  (2.0, 0.9, -1.8, -1.8, False),
  (2.0, 1.0, -2.0, -2.0, False),
  (2.0, 1.25, -2.5, -2.5, False),
  (2.0, 1.5, -2.6, 0.0, True),
  (-2.0, 0.5, 1.6, 0.0, True),
  (-2.0, 0.9, 1.8, 1.8, False),
  (-2.0, 1.0, 2.0, 2.0, False),
  (-2.0, 1.25, 2.5, 2.5, False),
  (-2.0, 1.5, 3.0, 3.0, False),
  (0.0, 1.5, 0.0, 0.0, False),
]


def surrogate(logprobs, old, advantages):
  return losses.clipped_surrogate(logprobs, old, advantages, LOW, HIGH)


@pytest.mark.parametrize("advantage, ratio, loss, gradient, clipped", QUADRANTS)
def test_the_surrogate_by_hand(advantage, ratio, loss, gradient, clipped):
  old = jnp.array([[-1.5]])
  logprobs = old + np.log(ratio)
  advantages = jnp.array([advantage])
  out = surrogate(logprobs, old, advantages)
  np.testing.assert_allclose(out.loss, [[loss]], rtol=1e-5, atol=1e-7)
  np.testing.assert_allclose(out.ratio, [[ratio]], rtol=1e-5)
  assert out.clipped.tolist() == [[clipped]]
  slope = jax.grad(lambda x: surrogate(x, old, advantages).loss[0, 0])(logprobs)
  np.testing.assert_allclose(slope, [[gradient]], rtol=1e-5, atol=1e-7)
  assert clipped == (slope[0, 0] == 0 and advantage != 0)  # exactly 0


def test_the_advantage_is_the_rows():
  logprobs = jnp.zeros((2, 3))
  out = surrogate(logprobs, logprobs, jnp.array([1.0, -3.0]))
  np.testing.assert_allclose(out.loss, [[-1.0] * 3, [3.0] * 3])


# A, r, loss, gradient, clipped: at most 3 times the loss at ratio 1.
DUAL = [
  (-2.0, 1.5, 3.0, 3.0, False),
  (-2.0, 2.9, 5.8, 5.8, False),
  (-2.0, 3.1, 6.0, 0.0, True),
  (-2.0, 0.5, 1.6, 0.0, True),
  (2.0, 9.0, -2.6, 0.0, True),
]


@pytest.mark.parametrize("advantage, ratio, loss, gradient, clipped", DUAL)
def test_the_dual_clip_by_hand(advantage, ratio, loss, gradient, clipped):
  def dual(logprobs):
    return losses.clipped_surrogate(
      logprobs, jnp.zeros((1, 1)), jnp.array([advantage]), LOW, HIGH, 3.0
    )

  logprobs = jnp.log(jnp.array([[ratio]]))
  np.testing.assert_allclose(dual(logprobs).loss, [[loss]], rtol=1e-5)
  assert dual(logprobs).clipped.tolist() == [[clipped]]
  slope = jax.grad(lambda x: dual(x).loss[0, 0])(logprobs)
  np.testing.assert_allclose(slope, [[gradient]], rtol=1e-5, atol=1e-7)


def test_gspo_by_hand():
  """Ratios 2 and 1/2 and, not sampled, 100: s is 1, for each token."""
  old = jnp.zeros((1, 3))
  logprobs = jnp.log(jnp.array([[2.0, 0.5, 100.0]]))
  sampled = jnp.array([[True, True, False]])

  def loss(x):
    return losses.gspo(x, old, jnp.array([3.0]), sampled, LOW, HIGH)

  out = loss(logprobs)
  np.testing.assert_allclose(out.ratio[:, :2], [[1, 1]], rtol=1e-6)
  np.testing.assert_allclose(out.loss[:, :2], [[-3, -3]], rtol=1e-6)
  slope = jax.grad(lambda x: loss(x).loss[0, :2].sum())(logprobs)
  np.testing.assert_allclose(slope, [[-3, -3, 0]], rtol=1e-6)
  far = loss(logprobs + jnp.log(2))  # s = 2 is beyond 1.3, of every token
  assert far.clipped[0, :2].all()
  np.testing.assert_allclose(far.loss[:, :2], [[-3.9, -3.9]], rtol=1e-6)


def test_cispo_by_hand():
  """Every token has a gradient, of a bounded weight."""
  logprobs = jnp.log(jnp.array([[0.5, 0.9, 2.0]]))
  old, advantages = jnp.zeros((1, 3)), jnp.array([2.0])

  def loss(x):
    return losses.cispo(x, old, advantages, LOW, HIGH)

  slope = jax.grad(lambda x: loss(x).loss.sum())(logprobs)
  np.testing.assert_allclose(slope, [[-1.6, -1.8, -2.6]], rtol=1e-6)
  assert loss(logprobs).clipped.tolist() == [[True, False, True]]
  np.testing.assert_allclose(loss(logprobs).loss, slope * logprobs, rtol=1e-6)


def test_reinforce_by_hand():
  logprobs = jnp.array([[-1.0, -2.0]])
  out = losses.reinforce(logprobs, logprobs - 1, jnp.array([-3.0]))
  np.testing.assert_allclose(out.loss, [[-3.0, -6.0]])
  np.testing.assert_allclose(out.ratio, [[np.e, np.e]], rtol=1e-6)
  assert not out.clipped.any()


def test_what_a_token_weighs():
  sampled = jnp.array([[True, True, False], [False, True, False], [False] * 3])
  sums = {
    "token": ([[1], [1], [1]], 3),
    "sequence": ([[0.5], [1], [1]], 3),
    "fixed": ([[1], [1], [1]], 15),
  }
  for name, (weights, total) in sums.items():
    np.testing.assert_array_equal(losses.row_weights(sampled, name), weights)
    assert losses.total_weight(sampled, name, 5) == total
  kept = jnp.array([True, False, False])
  assert losses.total_weight(sampled, "sequence", 5, kept) == 1
  assert losses.total_weight(sampled, "fixed", 5, kept) == 5
  for name, least in (("sequence", 1), ("fixed", 5)):
    assert losses.total_weight(sampled, name, 5, ~kept & kept) == least
  nothing = jnp.zeros((2, 3), bool)
  assert losses.total_weight(nothing, "token", 5) == 1


def test_importance_is_capped_and_without_gradient():
  ours, theirs = (
    jnp.log(jnp.array([[0.4, 0.1]])),
    jnp.log(jnp.array([[0.1] * 2])),
  )
  out = losses.importance(ours, theirs, 2.0)
  np.testing.assert_allclose(out, [[2, 1]], rtol=1e-6)
  slope = jax.grad(lambda x: losses.importance(x, theirs, 9.0).sum())(ours)
  assert not slope.any()


def test_k1_and_k2_by_hand():
  logprobs, reference = jnp.array([[-1.0, -3.0]]), jnp.array([[-2.0, -1.0]])
  np.testing.assert_allclose(losses.k1(logprobs, reference), [[1, -2]])
  np.testing.assert_allclose(losses.k2(logprobs, reference), [[0.5, 2]])


def test_k2_has_the_gradient_of_the_divergence():
  """On average over pi's own samples, by all three outcomes of a softmax."""
  reference = jnp.log(jnp.array([0.4, 0.4, 0.2]))
  at = jnp.array([0.1, 0.7, -0.4])

  def exact(logits):
    table = jax.nn.log_softmax(logits)
    return jnp.sum(jnp.exp(table) * (table - reference))

  def estimate(logits, estimator):
    table = jax.nn.log_softmax(logits)
    each = estimator(table[None], reference[None])[0]
    return jnp.sum(jax.lax.stop_gradient(jnp.exp(table)) * each)

  wanted = jax.grad(exact)(at)
  found = jax.grad(lambda x: estimate(x, losses.k2))(at)
  np.testing.assert_allclose(found, wanted, rtol=1e-5)
  # Why config refuses it in the loss.
  np.testing.assert_allclose(
    jax.grad(lambda x: estimate(x, losses.k1))(at), 0, atol=1e-6
  )


def test_k3_by_hand():
  """d = log 2: 2 - log 2 - 1. d = -log 2: 1/2 + log 2 - 1."""
  logprobs = jnp.log(jnp.array([[0.25, 0.5, 0.5]]))
  reference = jnp.log(jnp.array([[0.5, 0.25, 0.5]]))
  out = losses.k3(logprobs, reference)
  np.testing.assert_allclose(
    out, [[0.3068528, 0.1931472, 0.0]], rtol=1e-5, atol=1e-7
  )
  slope = jax.grad(lambda x: losses.k3(x, reference).sum())(logprobs)
  np.testing.assert_allclose(slope, [[-1.0, 0.5, 0.0]], rtol=1e-5, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
  st.lists(
    st.tuples(st.floats(-20, 0, width=32), st.floats(-20, 0, width=32)),
    min_size=8,
    max_size=8,
  )
)
def test_k3_is_never_negative(pairs):
  logprobs, reference = jnp.array(pairs, jnp.float32).T[:, None]
  assert (losses.k3(logprobs, reference) >= -1e-6).all()


def test_k3_is_unbiased():
  """Its mean under pi is KL(pi || reference), summed over all outcomes."""
  pi = np.array([0.2, 0.5, 0.3])
  reference = np.array([0.4, 0.4, 0.2])
  out = losses.k3(jnp.log(jnp.array([pi])), jnp.log(jnp.array([reference])))
  divergence = np.sum(pi * np.log(pi / reference))
  np.testing.assert_allclose(np.sum(pi * out[0]), divergence, rtol=1e-5)


def test_the_supervised_loss():
  out = losses.negative_log_likelihood(jnp.log(jnp.array([[0.5, 0.125]])))
  np.testing.assert_allclose(out, np.log([[2, 8]]), rtol=1e-6)
