"""Casts of weights that are the same on every device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def cast(x: Float[Array, "..."], dtype: str) -> Float[Array, "..."]:
  """`x.astype(dtype)`, to the bit, on every device.

  Between f32 and bf16 it is done on integers: some processors' instructions
  take subnormal numbers for zero, and drop what a NaN carries.
  """
  if x.dtype == dtype:
    return x
  if x.dtype == jnp.bfloat16:
    bits = jax.lax.bitcast_convert_type(x, jnp.uint16).astype(jnp.uint32) << 16
    x = jax.lax.bitcast_convert_type(bits, jnp.float32)
  if dtype != "bfloat16":
    return x.astype(dtype)
  bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32)
  high = bits >> 16
  # To nearest, ties to even; a NaN must not round or be cut to infinity.
  rounded = (bits + 0x7FFF + (high & 1)) >> 16
  nan = high | ((high & 0x7F) == 0)
  high = jnp.where(bits & 0x7FFFFFFF > 0x7F800000, nan, rounded)
  return jax.lax.bitcast_convert_type(high.astype(jnp.uint16), jnp.bfloat16)
