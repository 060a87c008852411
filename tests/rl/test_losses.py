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
