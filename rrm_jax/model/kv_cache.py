"""The keys and values of what has been read.

A token's slot in the cache is its position, so a row's cache needs no length:
a query sees the slots up to its own position, and what lies beyond is written
before it is seen.

There are two forms under one type. Stacked, one buffer holds all layers, is
carried whole through the scan over layers and written in place. Unstacked,
there is a buffer per layer: on CPUs and GPUs a layer then reads its keys where
they lie, where the scan would copy them out of the stack at every step.
"""

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jaxtyping import Array, Float, Int

from rrm_jax import config
from rrm_jax.batches import pytree
from rrm_jax.sharding import Layout


@pytree
class KVCache:
  """B rows, K KV heads, S slots, D per head; [B, K, S, D] for each of L layers.

  Attributes:
    keys: One array [L, B, K, S, D], or a tuple with one per layer.
    values: The same of values.
  """

  keys: Array | tuple[Array, ...]
  values: Array | tuple[Array, ...]

  @property
  def slots(self) -> int:
    """The longest row that fits."""
    return jax.tree.leaves(self.keys)[0].shape[-2]


# The logical axes of a layer's buffers.
AXES = ("batch", "kv_heads", "length", "head_dim")


def empty(
  cfg: config.Model, rows: int, slots: int, stacked: bool = True
) -> KVCache:
  """A cache of zeros in the compute dtype."""
  shape = (rows, cfg.num_kv_heads, slots, cfg.head_dim)

  def zeros() -> Array | tuple[Array, ...]:
    # A buffer for each name: one array under several could not be donated.
    if stacked:
      return jnp.zeros((cfg.num_layers, *shape), cfg.compute_dtype)
    layers = range(cfg.num_layers)
    return tuple(jnp.zeros(shape, cfg.compute_dtype) for _ in layers)

  return KVCache(zeros(), zeros())


def write(
  cache: KVCache,
  layer: int | Int[Array, ""],
  positions: Int[Array, "B T"],
  keys: Float[Array, "B T K D"],
  values: Float[Array, "B T K D"],
) -> KVCache:
  """Puts tokens at their positions; positions outside are dropped."""
  rows = jnp.arange(positions.shape[0])[:, None]

  def put(buffer: Array | tuple[Array, ...], new: Array) -> Array | tuple:
    if isinstance(buffer, tuple):
      assert isinstance(layer, int)
      at = buffer[layer].at[rows, :, positions]
      here = at.set(new.astype(buffer[layer].dtype), mode="drop")
      return (*buffer[:layer], here, *buffer[layer + 1 :])
    at = buffer.at[layer, rows, :, positions]
    return at.set(new.astype(buffer.dtype), mode="drop")

  return KVCache(put(cache.keys, keys), put(cache.values, values))


def read(
  cache: KVCache, layer: int | Int[Array, ""], live: int
) -> tuple[Float[Array, "B K S D"], Float[Array, "B K S D"]]:
  """One layer's keys and values in the first `live` slots."""
  keys, values = cache.keys[layer], cache.values[layer]
  return keys[:, :, :live], values[:, :, :live]


def sharding(x: jax.Array, layout: Layout) -> NamedSharding:
  """How a buffer of a cache is cut over devices."""
  return layout.named(*(("layers", *AXES) if x.ndim == 5 else AXES))


def constrained(cache: KVCache, layout: Layout) -> KVCache:
  """The cache, cut over devices by the layout's rules."""
  return jax.tree.map(
    lambda x: jax.lax.with_sharding_constraint(x, sharding(x, layout)), cache
  )
