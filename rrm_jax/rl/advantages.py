"""Advantages: each sample's reward against a baseline."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from rrm_jax import config


def advantages(
  rewards: Float[Array, "P G"], objective: config.Objective
) -> Float[Array, "P G"]:
  """By the objective's baseline."""
  if objective.baseline == "leave_one_out":
    return leave_one_out(rewards)
  if objective.baseline == "batch":
    flat = rewards.reshape(1, -1)
    return group_relative(flat, objective.std_normalized).reshape(rewards.shape)
  return group_relative(rewards, objective.std_normalized)


def group_relative(
  rewards: Float[Array, "P G"], std_normalized: bool = True
) -> Float[Array, "P G"]:
  """Each sample's reward against its group's mean.

  Divided by the group's (biased) standard deviation when `std_normalized`
  (GRPO, arXiv 2402.03300, section 4.1.2); without it this is Dr. GRPO's
  advantage (arXiv 2503.20783). A group whose rewards are all equal says
  nothing: its advantages are exactly 0. With one group of all samples this is
  REINFORCE with a baseline (Williams, 1992).
  """
  centred = rewards - rewards.mean(axis=1, keepdims=True)
  varied = jnp.ptp(rewards, axis=1, keepdims=True) > 0
  if not std_normalized:
    return jnp.where(varied, centred, 0.0)
  # Before the root, whose slope at 0 is infinite.
  variance = jnp.where(varied, rewards.var(axis=1, keepdims=True), 1.0)
  return jnp.where(varied, centred / jnp.sqrt(variance), 0.0)


def leave_one_out(rewards: Float[Array, "P G"]) -> Float[Array, "P G"]:
  """Each sample's reward against the mean of its group's others.

  RLOO (arXiv 2402.14740, equation 7): G / (G - 1) times Dr. GRPO's advantage.
  """
  samples = rewards.shape[1]
  return group_relative(rewards, False) * (samples / (samples - 1))
