"""Losses per token, of arrays alone: no model, no reduction.

Each returns one value per token; who adds up, adds (sum, weight) pairs.

Letters: N rows, T tokens, r = pi / pi_old, A the advantage, sg(x) is x without
gradient.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from rrm_jax import config
from rrm_jax.ops import masked

PerToken = Float[Array, "N T"]


class Surrogate(NamedTuple):
  """A policy-gradient loss per token and what it was made of."""

  loss: Float[Array, "N T"]
  ratio: Float[Array, "N T"]
  clipped: Bool[Array, "N T"]


def policy(
  logprobs: PerToken,
  old_logprobs: PerToken,
  advantages: Float[Array, " N"],
  sampled: Bool[Array, "N T"],
  objective: config.Objective,
) -> Surrogate:
  """The loss that the objective names."""
  low, high = objective.clip_low, objective.clip_high
  if objective.policy == "reinforce":
    return reinforce(logprobs, old_logprobs, advantages)
  if objective.policy == "cispo":
    return cispo(logprobs, old_logprobs, advantages, low, high)
  if objective.policy == "gspo":
    return gspo(logprobs, old_logprobs, advantages, sampled, low, high)
  return clipped_surrogate(
    logprobs, old_logprobs, advantages, low, high, objective.dual_clip
  )


def clipped_surrogate(
  logprobs: PerToken,
  old_logprobs: PerToken,
  advantages: Float[Array, " N"],
  clip_low: float,
  clip_high: float,
  dual_clip: float = 0.0,
) -> Surrogate:
  """-min(r A, clip(r, 1 - low, 1 + high) A).

  PPO (arXiv 1707.06347, equation 7) with the asymmetric range of DAPO (arXiv
  2503.14476). With `dual_clip` c, at most -c A where A < 0 (arXiv 1912.09729,
  equation 5). `clipped` marks tokens whose gradient the clipping removed.
  """
  return _clipped(
    jnp.exp(logprobs - old_logprobs),
    advantages[:, None],
    clip_low,
    clip_high,
    dual_clip,
  )


def _clipped(
  ratio: jax.Array,
  gain: jax.Array,
  clip_low: float,
  clip_high: float,
  dual_clip: float = 0.0,
) -> Surrogate:
  free = ratio * gain
  bounded = jnp.clip(ratio, 1 - clip_low, 1 + clip_high) * gain
  loss, clipped = -jnp.minimum(free, bounded), bounded < free
  if dual_clip:
    most = -dual_clip * gain
    beyond = (gain < 0) & (loss > most)
    loss, clipped = jnp.where(beyond, most, loss), clipped | beyond
  return Surrogate(loss, ratio, clipped)


def gspo(
  logprobs: PerToken,
  old_logprobs: PerToken,
  advantages: Float[Array, " N"],
  sampled: Bool[Array, "N T"],
  clip_low: float,
  clip_high: float,
) -> Surrogate:
  """The clipped surrogate with one ratio s for all tokens of a row.

  log s is the mean of log r over the row's sampled tokens; a token's ratio is
  sg(s) pi / sg(pi) (GSPO, arXiv 2507.18071, equations 7 and 13), so that its
  gradient is that of its own log-probability.
  """
  count = jnp.maximum(sampled.sum(axis=1, keepdims=True), 1)
  difference = jnp.where(sampled, logprobs - old_logprobs, 0.0)
  mean = difference.sum(axis=1, keepdims=True) / count
  own = logprobs - jax.lax.stop_gradient(logprobs)
  ratio = jnp.exp(jax.lax.stop_gradient(mean) + own)
  return _clipped(ratio, advantages[:, None], clip_low, clip_high)


def cispo(
  logprobs: PerToken,
  old_logprobs: PerToken,
  advantages: Float[Array, " N"],
  clip_low: float,
  clip_high: float,
) -> Surrogate:
  """-sg(clip(r, 1 - low, 1 + high)) A log pi (arXiv 2506.13585, equation 4).

  No token loses its gradient; `clipped` marks those whose weight is bounded.
  """
  ratio = jax.lax.stop_gradient(jnp.exp(logprobs - old_logprobs))
  weight = jnp.clip(ratio, 1 - clip_low, 1 + clip_high)
  return Surrogate(
    -weight * advantages[:, None] * logprobs, ratio, weight != ratio
  )


def reinforce(
  logprobs: PerToken,
  old_logprobs: PerToken,
  advantages: Float[Array, " N"],
) -> Surrogate:
  """-A log pi (Williams, 1992); right only of one's own samples."""
  ratio = jax.lax.stop_gradient(jnp.exp(logprobs - old_logprobs))
  loss = -advantages[:, None] * logprobs
  return Surrogate(loss, ratio, jnp.zeros_like(ratio, bool))


def divergence(
  logprobs: PerToken, reference_logprobs: PerToken, estimator: str
) -> PerToken:
  """An estimate of KL(pi || ref) from each token, by its name."""
  return {"k1": k1, "k2": k2, "k3": k3}[estimator](logprobs, reference_logprobs)


def k1(logprobs: PerToken, reference_logprobs: PerToken) -> PerToken:
  """log pi - log ref: unbiased under samples of pi, of either sign."""
  return logprobs - reference_logprobs


def k2(logprobs: PerToken, reference_logprobs: PerToken) -> PerToken:
  """(log pi - log ref)^2 / 2: biased, but its gradient is the divergence's."""
  return jnp.square(logprobs - reference_logprobs) / 2


def k3(logprobs: PerToken, reference_logprobs: PerToken) -> PerToken:
  """exp(d) - d - 1 with d = log ref - log pi.

  Unbiased under samples of pi and never negative (GRPO, equation 4).
  """
  difference = reference_logprobs - logprobs
  return jnp.exp(difference) - difference - 1


def negative_log_likelihood(logprobs: PerToken) -> PerToken:
  """-log p(token), the supervised loss."""
  return -logprobs


def importance(
  logprobs: PerToken, sampler_logprobs: PerToken, cap: float
) -> PerToken:
  """min(pi / sampler, cap): what the sampler's rounding did, undone.

  Truncated importance sampling (Ionides, 2008), for the gap between a sampler
  and a learner: Yao et al., 2025. Without gradient.
  """
  ratio = jnp.exp(logprobs - sampler_logprobs)
  return jax.lax.stop_gradient(jnp.minimum(ratio, cap))


def row_weights(
  sampled: Bool[Array, "N T"], aggregation: str
) -> Float[Array, "N 1"]:
  """What a row's tokens weigh in the sum; `total_weight` divides it."""
  if aggregation == "sequence":
    return 1 / jnp.maximum(sampled.sum(axis=1, keepdims=True), 1)
  return jnp.ones((len(sampled), 1), jnp.float32)


def total_weight(
  sampled: Bool[Array, "N T"],
  aggregation: str,
  longest: int,
  kept: Bool[Array, " N"] | None = None,
) -> Float[Array, ""]:
  """The number that a sum over all these rows is divided by.

  Tokens (DAPO), rows (GRPO, equation 3), or rows times the most tokens that a
  row may have (Dr. GRPO, arXiv 2503.20783). Only rows that are `kept` count;
  none are as one.
  """
  if aggregation == "token":
    return jnp.maximum(masked.count(sampled), 1.0)
  rows = jnp.float32(len(sampled))
  if kept is not None:
    rows = jnp.maximum(masked.count(kept), 1.0)
  return rows if aggregation == "sequence" else rows * longest
