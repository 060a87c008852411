"""Losses per token, of arrays alone: no model, no reduction.

Each returns one value per token; who adds up, adds (sum, weight) pairs.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Surrogate(NamedTuple):
  """A policy-gradient loss per token and what it was made of."""

  loss: Float[Array, "N T"]
  ratio: Float[Array, "N T"]
  clipped: Bool[Array, "N T"]


def clipped_surrogate(
  logprobs: Float[Array, "N T"],
  old_logprobs: Float[Array, "N T"],
  advantages: Float[Array, " N"],
  clip_low: float,
  clip_high: float,
) -> Surrogate:
  """-min(r A, clip(r, 1 - low, 1 + high) A) with r = pi / pi_old.

  PPO (arXiv 1707.06347, equation 7) with the asymmetric range of DAPO (arXiv
  2503.14476). `clipped` marks tokens whose gradient the clipping removed.
  """
  ratio = jnp.exp(logprobs - old_logprobs)
  free = ratio * advantages[:, None]
  bounded = jnp.clip(ratio, 1 - clip_low, 1 + clip_high) * advantages[:, None]
  return Surrogate(-jnp.minimum(free, bounded), ratio, bounded < free)


def k3(
  logprobs: Float[Array, "N T"], reference_logprobs: Float[Array, "N T"]
) -> Float[Array, "N T"]:
  """exp(d) - d - 1 with d = log ref - log pi: KL(pi || ref) per token.

  Unbiased under samples of pi and never negative (GRPO, equation 4).
  """
  difference = reference_logprobs - logprobs
  return jnp.exp(difference) - difference - 1


def negative_log_likelihood(
  logprobs: Float[Array, "N T"],
) -> Float[Array, "N T"]:
  """-log p(token), the supervised loss."""
  return -logprobs
