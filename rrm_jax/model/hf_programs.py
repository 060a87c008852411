"""The programs on the devices between their tensors and our arrays.

They are compiled once for each kind of parameter: the layer is an argument.
Transposing is a program of its own, and what moves between a stack and a
layer does so as integers: XLA's CPU code for the fusions of these, and for
slices of bf16 stacks, is several times slower.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from rrm_jax import config, sharding
from rrm_jax.model.hf_table import Kind, kinds
from rrm_jax.ops.casting import cast


def destinations(
  cfg: config.Model, dtype: str, cuts: dict[str, NamedSharding]
) -> dict[str, Any]:
  """Zeros for what is stacked, to be written into; None for the rest."""
  stacked = {
    kind.ours: (kind.layers, *(kind.seen[dim] for dim in kind.order))
    for kind in kinds(cfg)
    if kind.layers
  }

  def zeros() -> dict[str, jax.Array]:
    return {name: jnp.zeros(shape, dtype) for name, shape in stacked.items()}

  make = jax.jit(zeros, out_shardings={name: cuts[name] for name in stacked})
  return dict.fromkeys(cuts) | make()


def write(
  stack: jax.Array | None,
  theirs: jax.Array,
  layer: jax.Array,
  kind: Kind,
  dtype: str,
  cut: NamedSharding,
) -> jax.Array:
  """One tensor of theirs written into our array, in place.

  Args:
    stack: Ours with its layers, donated; None for what is not of a layer.
    theirs: Not merged.
    layer: Which one; a scalar.
    kind: Of parameter.
    dtype: Of ours.
    cut: How ours is cut.
  """
  return _writer(dtype, cut)(stack, _transposed(theirs, kind.order), layer)


def take(ours: jax.Array, layer: int, kind: Kind, dtype: str) -> jax.Array:
  """One tensor of theirs, not merged, from our array."""
  cut = place = ours.sharding
  if isinstance(cut, NamedSharding):
    place = NamedSharding(cut.mesh, PartitionSpec())
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
  """Casts and writes a layer."""

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
