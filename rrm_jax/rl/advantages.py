"""Group-relative advantages (GRPO, arXiv 2402.03300, section 4.1.2)."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def group_relative(
  rewards: Float[Array, "P G"], std_normalized: bool = True
) -> Float[Array, "P G"]:
  """Each sample's reward against its group's mean.

  Divided by the group's (biased) standard deviation when `std_normalized`;
  without it this is Dr. GRPO's advantage (arXiv 2503.20783). A group whose
  rewards are all equal says nothing: its advantages are exactly 0.
  """
  centred = rewards - rewards.mean(axis=1, keepdims=True)
  varied = jnp.ptp(rewards, axis=1, keepdims=True) > 0
  if not std_normalized:
    return jnp.where(varied, centred, 0.0)
  # Before the root, whose slope at 0 is infinite.
  variance = jnp.where(varied, rewards.var(axis=1, keepdims=True), 1.0)
  return jnp.where(varied, centred / jnp.sqrt(variance), 0.0)


def zero_variance(rewards: Float[Array, "P G"]) -> Float[Array, ""]:
  """The share of groups that teach nothing, all right or all wrong."""
  return jnp.mean(jnp.ptp(rewards, axis=1) == 0)
