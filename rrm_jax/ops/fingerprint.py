"""A checksum of an array that does not depend on how it is sharded."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Shaped, UInt, UInt32


@jax.jit
def fingerprint(x: Shaped[jax.Array, "..."]) -> UInt32[jax.Array, ""]:
  """The sum modulo 2^32 of an array's words, each by a weight of its place.

  Any one changed bit changes it (weights are odd); more changes go unseen
  once in 2^32. Integer sums do not depend on their order, so neither does it
  on the sharding, and the devices compute it where the array lies.
  """
  if x.dtype == jnp.bool_:
    x = x.astype(jnp.uint8)
  if x.dtype.itemsize < 4:
    x = _words(x)  # cutting them as floats may touch a NaN's bits
  if x.ndim < 3 or not x.size:
    return _sum(_words(x), jnp.uint32(0))

  # Stacked layers one by one: CPUs write the weighted words to memory.
  def add(i: jax.Array, total: jax.Array) -> jax.Array:
    layer = jax.lax.dynamic_index_in_dim(x, i, keepdims=False)
    stride = jnp.uint32(math.prod(layer.shape) % 2**32)
    return total + _sum(_words(layer), i.astype(jnp.uint32) * stride)

  return jax.lax.fori_loop(0, x.shape[0], add, jnp.uint32(0))


def _words(x: Shaped[jax.Array, "..."]) -> UInt[jax.Array, "..."]:
  """The same bits as unsigned integers."""
  width = min(x.dtype.itemsize, 4) * 8
  return jax.lax.bitcast_convert_type(x, jnp.dtype(f"uint{width}"))


def _sum(
  words: UInt[jax.Array, "..."], first: UInt32[jax.Array, ""]
) -> UInt32[jax.Array, ""]:
  """The weighted sum of words whose places begin at `first`."""
  place = jnp.full(words.shape, first)
  stride = 1
  for dim in reversed(range(words.ndim)):
    index = jax.lax.broadcasted_iota(jnp.uint32, words.shape, dim)
    place += index * jnp.uint32(stride % 2**32)
    stride *= words.shape[dim]
  weight = (place + 1) * jnp.uint32(0x9E3779B1)
  weight = (weight ^ (weight >> 15)) * jnp.uint32(0x85EBCA77)
  weight = (weight ^ (weight >> 13)) | 1
  return jnp.sum(words.astype(jnp.uint32) * weight, dtype=jnp.uint32)


def fingerprints(
  arrays: dict[str, Shaped[jax.Array, "..."]],
) -> dict[str, UInt32[jax.Array, ""]]:
  """`fingerprint` of each, one after the other.

  Each is waited for. So the scratch memory is that of the largest array, and
  never are several programs with collectives in flight, which the CPU
  backend's devices can wait on each other in for ever.
  """
  return {
    name: jax.block_until_ready(fingerprint(x)) for name, x in arrays.items()
  }
