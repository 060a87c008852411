"""Masked reductions, as (sum, weight) pairs.

A mean of means is wrong when parts carry different weights. Whoever adds up
micro-batches, buckets or devices adds sums and weights, and divides once.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def total(
  x: Float[Array, " *shape"], mask: Bool[Array, " *shape"]
) -> Float[Array, ""]:
  """Sum of `x` where `mask`; what is masked may even be NaN."""
  return jnp.sum(jnp.where(mask, x, 0.0))


def count(mask: Bool[Array, " *shape"]) -> Float[Array, ""]:
  """How many entries `mask` holds, as f32."""
  return jnp.sum(mask, dtype=jnp.float32)


def mean(
  x: Float[Array, " *shape"], mask: Bool[Array, " *shape"]
) -> Float[Array, ""]:
  """Mean of `x` where `mask`, 0 for an empty mask."""
  return total(x, mask) / jnp.maximum(count(mask), 1.0)
