"""The keys and values of what has been read, one buffer for all layers.

A token's slot in the cache is its position, so a row's cache needs no length:
a query sees the slots up to its own position, and what lies beyond is written
before it is seen. The buffer is carried whole through the scan over layers
and written in place, which keeps decoding free of copies.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rrm_jax import config
from rrm_jax.batches import pytree


@pytree
class KVCache:
  """L layers, B rows, K KV heads, S slots, D per head."""

  keys: Float[Array, "L B K S D"]
  values: Float[Array, "L B K S D"]

  @property
  def slots(self) -> int:
    """The longest row that fits."""
    return self.keys.shape[3]


# The logical axes of both buffers.
AXES = ("layers", "batch", "kv_heads", "length", "head_dim")


def empty(cfg: config.Model, rows: int, slots: int) -> KVCache:
  """A cache of zeros in the compute dtype."""
  shape = (cfg.num_layers, rows, cfg.num_kv_heads, slots, cfg.head_dim)
  # Two buffers: one array under both names could not be donated.
  return KVCache(
    jnp.zeros(shape, cfg.compute_dtype), jnp.zeros(shape, cfg.compute_dtype)
  )


def write(
  cache: KVCache,
  layer: Int[Array, ""],
  positions: Int[Array, "B T"],
  keys: Float[Array, "B T K D"],
  values: Float[Array, "B T K D"],
) -> KVCache:
  """Puts tokens at their positions; positions outside are dropped."""
  rows = jnp.arange(positions.shape[0])[:, None]

  def put(buffer: jax.Array, new: jax.Array) -> jax.Array:
    at = buffer.at[layer, rows, :, positions]
    return at.set(new.astype(buffer.dtype), mode="drop")

  return KVCache(put(cache.keys, keys), put(cache.values, values))


def read(
  cache: KVCache, layer: Int[Array, ""]
) -> tuple[Float[Array, "B K S D"], Float[Array, "B K S D"]]:
  """One layer's keys and values."""
  return cache.keys[layer], cache.values[layer]


def repeat(cache: KVCache, times: int) -> KVCache:
  """Each row `times` times, adjacent: a prompt's cache for its group."""
  return jax.tree.map(lambda x: jnp.repeat(x, times, axis=1), cache)


def extend(cache: KVCache, slots: int) -> KVCache:
  """The same cache with room for rows of `slots` tokens."""
  more = ((0, 0),) * 3 + ((0, slots - cache.slots), (0, 0))
  return jax.tree.map(lambda x: jnp.pad(x, more), cache)
