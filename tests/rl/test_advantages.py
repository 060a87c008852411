import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.rl import advantages


def test_by_hand():
  """One right of four: mean -1/2, deviation sqrt(3)/2."""
  rewards = jnp.array([[1.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])
  out = advantages.group_relative(rewards)
  root = 3**0.5
  expected = [[root, -1 / root, -1 / root, -1 / root], [1, -1, 1, -1]]
  np.testing.assert_allclose(out, expected, rtol=1e-6)
  out = advantages.group_relative(rewards, std_normalized=False)
  expected = [[1.5, -0.5, -0.5, -0.5], [1, -1, 1, -1]]
  np.testing.assert_allclose(out, expected, rtol=1e-6)


@pytest.mark.parametrize("std_normalized", [True, False])
@pytest.mark.parametrize("value", [1.0, -1.0, 0.0, 0.1, 1e-30])
def test_a_group_without_variance_says_exactly_nothing(std_normalized, value):
  """Of 0.1 the mean over seven is not 0.1."""
  rewards = jnp.full((2, 7), value).at[1, 0].add(1)
  out = advantages.group_relative(rewards, std_normalized)
  assert (out[0] == 0).all()
  assert (out[1] != 0).all()


@pytest.mark.parametrize("std_normalized", [True, False])
def test_gradients_are_numbers(std_normalized):
  def loss(rewards):
    return jnp.sum(advantages.group_relative(rewards, std_normalized) ** 2)

  rewards = jnp.array([[1.0, 1.0], [1.0, -1.0]])
  gradient = jax.grad(loss)(rewards)
  assert np.isfinite(gradient).all()
  assert not gradient[0].any()


def test_leave_one_out_by_hand():
  """One right of four: each against the mean of the three others."""
  rewards = jnp.array([[1.0, -1.0, -1.0, -1.0], [0.1, 0.1, 0.1, 0.1]])
  out = advantages.leave_one_out(rewards)
  expected = [[2.0, -2 / 3, -2 / 3, -2 / 3], [0, 0, 0, 0]]
  np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_the_objective_chooses():
  rewards = jnp.array([[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]])
  chosen = functools.partial(advantages.advantages, rewards)
  np.testing.assert_array_equal(
    chosen(config.Objective()), advantages.group_relative(rewards)
  )
  loo = config.Objective(baseline="leave_one_out", std_normalized=False)
  np.testing.assert_array_equal(chosen(loo), advantages.leave_one_out(rewards))
  batch = config.Objective(baseline="batch", std_normalized=False)
  np.testing.assert_allclose(
    chosen(batch), [[1.25, -0.75, 1.25, 1.25], [-0.75] * 4], rtol=1e-6
  )
  normalized = chosen(config.Objective(baseline="batch"))
  np.testing.assert_allclose(normalized.std(), 1, rtol=1e-5)
