"""A checksum of an array that does not depend on how it is sharded."""

import jax
import jax.numpy as jnp
from jaxtyping import Shaped, UInt32


@jax.jit
def fingerprint(x: Shaped[jax.Array, "..."]) -> UInt32[jax.Array, ""]:
  """The sum modulo 2^32 of an array's words, each by a weight of its place.

  Any one changed bit changes it (weights are odd); more changes go unseen
  once in 2^32. Integer sums do not depend on their order, so neither does it
  on the sharding, and the devices compute it where the array lies.
  """
  if x.dtype == jnp.bool_:
    x = x.astype(jnp.uint8)
  width = min(x.dtype.itemsize, 4) * 8
  words = jax.lax.bitcast_convert_type(x, jnp.dtype(f"uint{width}"))
  place = jnp.zeros(words.shape, jnp.uint32)
  stride = 1
  for dim in reversed(range(words.ndim)):
    index = jax.lax.broadcasted_iota(jnp.uint32, words.shape, dim)
    place += index * jnp.uint32(stride % 2**32)
    stride *= words.shape[dim]
  weight = (place + 1) * jnp.uint32(0x9E3779B1)
  weight = (weight ^ (weight >> 15)) * jnp.uint32(0x85EBCA77)
  weight = (weight ^ (weight >> 13)) | 1
  return jnp.sum(words.astype(jnp.uint32) * weight, dtype=jnp.uint32)


@jax.jit
def fingerprints(
  arrays: dict[str, Shaped[jax.Array, "..."]],
) -> dict[str, UInt32[jax.Array, ""]]:
  """`fingerprint` of each, as one program.

  One for each array would leave many programs with collectives in flight at
  once, which the CPU backend's devices can wait on each other in for ever.
  """
  return {name: fingerprint(x) for name, x in arrays.items()}
