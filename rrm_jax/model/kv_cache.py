"""The keys and values of what has been read.

A token's slot in the cache is its position, so a row's cache needs no length:
a query sees the slots up to its own position, and what lies beyond is written
before it is seen.

There are two forms under one type. Stacked, one buffer holds all layers, is
carried whole through the scan over layers and written in place. Unstacked,
there is a buffer per layer: on CPUs and GPUs a layer then reads its keys where
they lie, where the scan would copy them out of the stack at every step.

Either form holds the compute dtype, or int8 with an f32 scale per token and
head: symmetric, the largest entry at 127. The scale of a key multiplies its
score and the scale of a value its weight, so attention reads the int8 buffers
themselves and no dequantised cache is made. `attend` adds what the layer took
off all keys alike, Qwen2's bias.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, Num

from rrm_jax import config
from rrm_jax.batches import Array as AnyArray
from rrm_jax.batches import pytree
from rrm_jax.ops.attention import Scaled
from rrm_jax.sharding import Layout

# One array for all layers, or one for each.
Buffers = Array | tuple[Array, ...]


@pytree
class KVCache:
  """B rows, K KV heads, S slots, D per head; [B, K, S, D] for each of L layers.

  Attributes:
    keys: One array [L, B, K, S, D], or a tuple with one per layer.
    values: The same of values.
    key_scales: What int8 keys are multiples of: [L, B, K, 1, S], or a tuple
      with one per layer; None where keys are not int8.
    value_scales: The same of values.
  """

  keys: Buffers
  values: Buffers
  key_scales: Buffers | None = None
  value_scales: Buffers | None = None

  @property
  def slots(self) -> int:
    """The longest row that fits."""
    return jax.tree.leaves(self.keys)[0].shape[-2]


class Seen(NamedTuple):
  """One layer's part of a cache, as `ops.attention.attend` takes it.

  Attributes:
    keys: In the compute dtype, or int8.
    values: The same of values.
    key_scales: Of int8 keys.
    value_scales: Of int8 values.
  """

  keys: Num[Array, "B K S D"]
  values: Num[Array, "B K S D"]
  key_scales: Float[Array, "B K 1 S"] | None
  value_scales: Float[Array, "B K 1 S"] | None

  def scaled(self, common: Float[Array, "S K D"]) -> Scaled:
    """What makes keys and values of int8 numbers.

    Args:
      common: What was taken off the keys of all rows before they were written.
    """
    assert self.key_scales is not None and self.value_scales is not None
    common = common.transpose(1, 0, 2)
    return Scaled(self.key_scales, self.value_scales, common)


# The logical axes of a layer's buffers, and of their scales. The slots of the
# scales come last: they multiply rows of scores, and lie dense on TPUs.
AXES = ("batch", "kv_heads", "length", "head_dim")
SCALE_AXES = ("batch", "kv_heads", None, "length")


def empty(
  cfg: config.Model,
  rows: int,
  slots: int,
  stacked: bool = True,
  stored: config.Stored = "compute",
) -> KVCache:
  """A cache of zeros."""

  def zeros(dtype: str, *shape: int) -> Buffers:
    # A buffer for each name: one array under several could not be donated.
    shape = (rows, cfg.num_kv_heads, *shape)
    if stacked:
      return jnp.zeros((cfg.num_layers, *shape), dtype)
    return tuple(jnp.zeros(shape, dtype) for _ in range(cfg.num_layers))

  def pair(dtype: str, *shape: int) -> tuple[Buffers, Buffers]:
    return zeros(dtype, *shape), zeros(dtype, *shape)

  if stored == "compute":
    return KVCache(*pair(cfg.compute_dtype, slots, cfg.head_dim))
  return KVCache(*pair("int8", slots, cfg.head_dim), *pair("float32", 1, slots))


def write(
  cache: KVCache,
  layer: int | Int[Array, ""],
  positions: Int[Array, "B T"],
  keys: Float[Array, "B T K D"],
  values: Float[Array, "B T K D"],
  layout: Layout | None = None,
) -> KVCache:
  """Puts tokens at their positions; positions outside are dropped.

  Each device writes the rows and heads that it holds: left to the compiler,
  those of all devices would be sent to all.

  Args:
    cache: Where to.
    layer: Which of its layers; an int where they are apart.
    positions: Slots.
    keys: In the compute dtype, less what is common to all rows if int8.
    values: The same of values.
    layout: How the cache is cut over devices; None on one device.
  """
  if isinstance(cache.keys, tuple):
    assert isinstance(layer, int)
    one = _each(lambda x: x[layer], cache)
    one = write(one, layer, positions, keys, values, layout)
    return _each(lambda x, y: (*x[:layer], y, *x[layer + 1 :]), cache, one)
  if layout is None:
    return _written(cache, layer, positions, keys, values)
  held = jax.tree.map(lambda x: x.spec, shardings(cache, layout))
  new = layout.rules.spec(("batch", None, "kv_heads", None))
  rows = layout.rules.spec(("batch", None))
  return jax.shard_map(
    _written,
    mesh=layout.mesh,
    in_specs=(held, PartitionSpec(), rows, new, new),
    out_specs=held,
    check_vma=False,
  )(cache, layer, positions, keys, values)


def _each(change: Callable, *caches: KVCache) -> KVCache:
  """Changes the buffers of all layers, field by field."""
  return jax.tree.map(change, *caches, is_leaf=lambda x: isinstance(x, tuple))


def _written(
  cache: KVCache,
  layer: int | Array,
  positions: Array,
  keys: Array,
  values: Array,
) -> KVCache:
  """`write` on one device.

  Indexed to the single vector: TPUs write whole heads only into a cache that
  lies otherwise, to which it would be copied.
  """

  def put(buffer: Any, new: Array, *last: int) -> Array:
    rows, heads = buffer.shape[-4:-2]
    at = (
      *(layer,) * (buffer.ndim - 4),
      jnp.arange(rows)[:, None, None],
      jnp.arange(heads)[:, None],
      *last,
      positions[:, None],
    )
    new = new.swapaxes(1, 2).astype(buffer.dtype)
    return buffer.at[at].set(new, mode="drop")

  if cache.key_scales is None:
    return KVCache(put(cache.keys, keys), put(cache.values, values))
  keys, key_scales = quantised(keys)
  values, value_scales = quantised(values)
  return KVCache(
    put(cache.keys, keys),
    put(cache.values, values),
    put(cache.key_scales, key_scales, 0),
    put(cache.value_scales, value_scales, 0),
  )


def quantised(
  x: Float[Array, "*N D"],
) -> tuple[Int[Array, "*N D"], Float[Array, "*N"]]:
  """int8 numbers, and the scale whose multiples are nearest to x.

  What is not finite makes the scale so, and everything that is read from it.
  """
  x = x.astype(jnp.float32)
  scales = jnp.max(jnp.abs(x), axis=-1) / 127
  steps = x / jnp.where(scales > 0, scales, 1)[..., None]
  return jnp.round(steps).astype(jnp.int8), scales


def read(cache: KVCache, layer: int | Int[Array, ""], live: int) -> Seen:
  """One layer's keys and values in the first `live` slots."""

  def scales(buffers: Buffers | None) -> Array | None:
    return None if buffers is None else buffers[layer][..., :live]

  return Seen(
    cache.keys[layer][:, :, :live],
    cache.values[layer][:, :, :live],
    scales(cache.key_scales),
    scales(cache.value_scales),
  )


def shardings(cache: KVCache, layout: Layout) -> KVCache:
  """How a cache's buffers are cut over devices."""

  def one(axes: tuple[str | None, ...], buffers: Any) -> Any:
    def named(x: AnyArray) -> NamedSharding:
      return layout.named(*(("layers",) if x.ndim == 5 else ()), *axes)

    return jax.tree.map(named, buffers)

  return KVCache(
    one(AXES, cache.keys),
    one(AXES, cache.values),
    one(SCALE_AXES, cache.key_scales),
    one(SCALE_AXES, cache.value_scales),
  )


def constrained(cache: KVCache, layout: Layout) -> KVCache:
  """The cache, cut over devices by the layout's rules."""
  return jax.lax.with_sharding_constraint(cache, shardings(cache, layout))
