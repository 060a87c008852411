"""The programs on the devices between their tensors and our arrays.

They are compiled once for each kind of parameter: the layer is an argument.
Transposing is a program of its own, and what moves between a stack and a
layer does so as integers: XLA's CPU code for the fusions of these, and for
slices of bf16 stacks, is several times slower.
"""

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from rrm_jax import config, sharding
from rrm_jax.model import shard_reader, shards
from rrm_jax.model.hf_table import Kind, kinds, places
from rrm_jax.ops.casting import cast


def load(
  found: dict[str, shards.Tensor],
  cfg: config.Model,
  dtype: str,
  cuts: dict[str, NamedSharding],
  advance: Callable[[int], None],
) -> dict[str, jax.Array]:
  """Our arrays, tensor by tensor.

  Args:
    found: Their tensors, checked.
    cfg: The model's shape.
    dtype: Of ours.
    cuts: How ours are cut.
    advance: Gets the bytes of each tensor that has been read.
  """
  place, made = places(cfg), _destinations(cfg, dtype, cuts)
  whole = _whole(next(iter(cuts.values())))
  layers = [sharding.put(np.int32(i), whole) for i in range(cfg.num_layers)]
  for tensor in sorted(found.values(), key=lambda x: (x.file, x.start)):
    kind, layer = place[tensor.name]
    cut = cuts[kind.ours]
    theirs = _transposed(_read(tensor, kind, cut), kind.order)
    made[kind.ours] = _writer(dtype, cut)(
      made[kind.ours], theirs, layers[layer]
    )
    del theirs  # gone when it is written, and before the next one is read
    jax.block_until_ready(made[kind.ours])
    # What the devices do not need any more, jax frees when Python collects.
    gc.collect(0)
    advance(tensor.stop - tensor.start)
  return made


def _whole(cut: NamedSharding) -> NamedSharding:
  return NamedSharding(cut.mesh, PartitionSpec())


def _read(tensor: shards.Tensor, kind: Kind, cut: NamedSharding) -> jax.Array:
  """A tensor on the devices, its dimensions as stored but not merged."""
  parts = (*cut.spec, *[None] * len(kind.shape))[: len(kind.shape)]
  inner = parts[-len(kind.order) :]
  spec = PartitionSpec(*(inner[i] for i in np.argsort(kind.order)))
  return sharding.put_slices(
    kind.seen,
    NamedSharding(cut.mesh, spec),
    lambda index: shard_reader.read(tensor, kind.seen, index),
  )


def _destinations(
  cfg: config.Model, dtype: str, cuts: dict[str, NamedSharding]
) -> dict[str, Any]:
  """Zeros for what is stacked, to be written into; None for the rest."""
  stacked = {kind.ours: kind.shape for kind in kinds(cfg) if kind.layers}

  def zeros() -> dict[str, jax.Array]:
    return {name: jnp.zeros(shape, dtype) for name, shape in stacked.items()}

  make = jax.jit(zeros, out_shardings={name: cuts[name] for name in stacked})
  return dict.fromkeys(cuts) | make()


def take(
  leaves: dict[str, jax.Array], cfg: config.Model, dtype: str
) -> Iterator[np.ndarray]:
  """Their tensors, not merged, on the host of every process.

  Args:
    leaves: Our arrays.
    cfg: The model's shape.
    dtype: Of theirs.

  Yields:
    One for each of `places`, in its order.
  """
  place = list(places(cfg).values())
  following = _taken(leaves, *place[0], dtype)
  for each in place[1:]:
    host = sharding.fetch(following)
    following = _taken(leaves, *each, dtype)  # made while this one is used
    yield host
    del host  # before the next one is fetched
  yield sharding.fetch(following)


def _taken(
  leaves: dict[str, jax.Array], kind: Kind, layer: int, dtype: str
) -> jax.Array:
  """One tensor of theirs, not merged, from our array."""
  ours = leaves[kind.ours]
  cut = place = ours.sharding
  if isinstance(cut, NamedSharding):
    place = _whole(cut)
    parts = (*cut.spec, *[None] * ours.ndim)[: ours.ndim]
    cut = NamedSharding(cut.mesh, PartitionSpec(*parts[-len(kind.order) :]))
  if kind.layers or ours.dtype != dtype:
    which = sharding.put(np.int32(layer), place)
    ours = _reader(kind.layers > 0, dtype, cut)(ours, which)
  return _transposed(ours, tuple(np.argsort(kind.order).tolist()))


def _transposed(x: jax.Array, order: tuple[int, ...]) -> jax.Array:
  """`x.transpose(order)`, which is `x` itself where nothing moves."""
  if order == tuple(range(x.ndim)):
    return x
  cut = x.sharding
  if isinstance(cut, NamedSharding):
    parts = (*cut.spec, *[None] * x.ndim)
    cut = NamedSharding(cut.mesh, PartitionSpec(*(parts[i] for i in order)))
  return _transposer(order, cut)(x)


@functools.cache
def _transposer(
  order: tuple[int, ...], cut: Sharding
) -> Callable[[jax.Array], jax.Array]:
  return jax.jit(lambda x: x.transpose(order), out_shardings=cut)


@functools.cache
def _writer(dtype: str, cut: NamedSharding) -> Callable[..., jax.Array]:
  """Casts and writes a layer, in place, or what is not of a layer."""

  @functools.partial(jax.jit, donate_argnums=0, out_shardings=cut)
  def run(
    stack: jax.Array | None, ours: jax.Array, layer: jax.Array
  ) -> jax.Array:
    ours = cast(ours, dtype)
    if stack is None:
      return jnp.copy(ours)  # memory of its own
    new = jax.lax.dynamic_update_index_in_dim(
      _bits(stack), _bits(ours), layer, 0
    )
    return jax.lax.bitcast_convert_type(new, stack.dtype)

  return run


@functools.cache
def _reader(
  stacked: bool, dtype: str, cut: Sharding
) -> Callable[..., jax.Array]:
  """Takes out a layer and casts."""

  @functools.partial(jax.jit, out_shardings=cut)
  def run(ours: jax.Array, layer: jax.Array) -> jax.Array:
    if not stacked:
      return cast(ours, dtype)
    bits = jax.lax.dynamic_index_in_dim(_bits(ours), layer, 0, keepdims=False)
    return cast(jax.lax.bitcast_convert_type(bits, ours.dtype), dtype)

  return run


def _bits(x: jax.Array) -> jax.Array:
  """The same bits as unsigned integers."""
  return jax.lax.bitcast_convert_type(x, f"uint{8 * x.dtype.itemsize}")
