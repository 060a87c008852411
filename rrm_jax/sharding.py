"""Meshes, axis rules, and the way of arrays between hosts and devices.

The only file that knows there may be several processes. Each process of a job
does the same host work on the same global batch (text is cheap beside the
model), so the only traffic between hosts is what XLA's collectives make.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec, Sharding
from jaxtyping import PyTree

from rrm_jax import config

MESH_AXES = ("data", "fsdp", "tensor")
MeshAxes = str | tuple[str, ...] | None


@dataclasses.dataclass(frozen=True)
class AxisRules:
  """Which mesh axes each logical axis is cut along; None keeps it whole.

  The fields are all the logical axes there are. A name that is none of them
  raises, where a rule table would replicate the array silently.
  """

  batch: MeshAxes = ("data", "fsdp")
  length: MeshAxes = None
  layers: MeshAxes = None
  embed: MeshAxes = "fsdp"
  mlp: MeshAxes = "tensor"
  heads: MeshAxes = "tensor"
  kv_heads: MeshAxes = "tensor"
  head_dim: MeshAxes = None
  vocab: MeshAxes = "tensor"

  def spec(self, axes: tuple[str | None, ...]) -> PartitionSpec:
    """The partition of an array with these logical axes.

    Raises:
      ValueError: an axis is unknown, or two would be cut along one mesh axis.
    """
    rules = dataclasses.asdict(self)
    for axis in axes:
      if axis is not None and axis not in rules:
        raise ValueError(
          f"{axis!r} is no logical axis; known: {', '.join(rules)}"
        )
    parts = [None if axis is None else rules[axis] for axis in axes]
    used = [m for p in parts if p for m in ((p,) if isinstance(p, str) else p)]
    if len(set(used)) < len(used):
      raise ValueError(f"axes {axes} use a mesh axis twice: {used}")
    return PartitionSpec(*parts)


@dataclasses.dataclass(frozen=True)
class Layout:
  """A mesh with rules for cutting arrays over it; hashable, so static."""

  mesh: jax.sharding.Mesh
  rules: AxisRules = AxisRules()

  def named(self, *axes: str | None) -> NamedSharding:
    """The sharding of an array with these logical axes."""
    return NamedSharding(self.mesh, self.rules.spec(axes))

  @property
  def platform(self) -> str:
    """Of its devices: cpu, gpu or tpu."""
    return self.mesh.devices.flat[0].platform

  @property
  def replicated(self) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(self.mesh, PartitionSpec())

  def constrain(self, x: jax.Array, *axes: str | None) -> jax.Array:
    """Tells the compiler how to cut an intermediate array."""
    return jax.lax.with_sharding_constraint(x, self.named(*axes))

  def shardings(self, logical: PyTree, shapes: PyTree) -> PyTree:
    """Shardings for a tree, checked against its shapes.

    Args:
      logical: Tuples of axis names, one per array.
      shapes: The arrays, or their `jax.ShapeDtypeStruct`.

    Raises:
      ValueError: an array cannot be cut evenly; names it, its dimension and
        the number of devices.
    """

    def one(path: tuple, axes: tuple, x: Any) -> NamedSharding:
      sharding = self.named(*axes)
      for dim, (axis, part) in enumerate(zip(axes, sharding.spec, strict=True)):
        names = (part,) if isinstance(part, str) else part or ()
        count = math.prod(self.mesh.shape[name] for name in names)
        if x.shape[dim] % count:
          raise ValueError(
            f"{jax.tree_util.keystr(path)} of shape {x.shape}: {axis}="
            f"{x.shape[dim]} does not divide into {count} parts along mesh "
            f"axes {names}; choose another mesh or pad the model"
          )
      return sharding

    return jax.tree_util.tree_map_with_path(
      one, logical, shapes, is_leaf=lambda x: isinstance(x, tuple)
    )

  @property
  def batch_parts(self) -> int:
    """Into how many parts the batch is cut: rows come in multiples of it."""
    axes = self.rules.batch
    names = (axes,) if isinstance(axes, str) else axes or ()
    return math.prod(self.mesh.shape[name] for name in names)


def layout(
  cfg: config.Mesh, devices: Sequence[jax.Device] | None = None
) -> Layout:
  """The mesh that a config asks for.

  Args:
    cfg: Its axes.
    devices: By default all devices of all processes.

  Raises:
    ValueError: the axes do not multiply to the number of devices.
  """
  sizes = [cfg.data, cfg.fsdp, cfg.tensor]
  count = jax.device_count() if devices is None else len(devices)
  if sizes.count(-1) > 1:
    raise ValueError(f"mesh {cfg}: at most one axis may be -1")
  if any(size < 1 and size != -1 for size in sizes):
    raise ValueError(f"mesh {cfg}: an axis has at least 1 device, or is -1")
  if -1 in sizes:
    known = math.prod(size for size in sizes if size != -1)
    sizes[sizes.index(-1)] = count // known
  if math.prod(sizes) != count:
    raise ValueError(
      f"mesh {dict(zip(MESH_AXES, sizes, strict=True))} needs "
      f"{math.prod(sizes)} devices, there are {count}; set config.mesh"
    )
  # Explicit axes are the default of make_mesh; this code wants the compiler
  # to choose what is not said.
  return Layout(
    jax.make_mesh(
      tuple(sizes),
      MESH_AXES,
      axis_types=(AxisType.Auto,) * len(sizes),
      devices=devices,
    )
  )


def put(tree: PyTree, shardings: PyTree) -> PyTree:
  """Host arrays, equal on every process, as global arrays."""

  def one(x: Any, sharding: Sharding) -> jax.Array:
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda i: x[i])

  with jax.transfer_guard("allow"):  # this is the door
    if isinstance(shardings, Sharding):
      sharding = shardings
      return jax.tree.map(lambda x: one(x, sharding), tree)
    return jax.tree.map(one, tree, shardings)


def put_slices(
  shape: tuple[int, ...],
  sharding: NamedSharding,
  read: Callable[[tuple[slice, ...]], np.ndarray],
) -> jax.Array:
  """A global array whose slices are read by the processes that hold them.

  Args:
    shape: Of the whole array.
    sharding: How it is cut.
    read: Gives the slice at an index, one slice a dimension. It is asked once
      for a slice that several devices of a process hold.
  """
  found: dict[tuple, np.ndarray] = {}

  def once(index: tuple[slice, ...] | None) -> np.ndarray:
    index = index or ()
    key = tuple(s.indices(n) for s, n in zip(index, shape, strict=True))
    if key not in found:
      found[key] = np.ascontiguousarray(read(index))
    return found[key]

  with jax.transfer_guard("allow"):  # a door, too
    return jax.make_array_from_callback(shape, sharding, once)


def on_host(devices: Iterable[jax.Device]) -> bool:
  """Whether the devices are CPUs, whose memory is the host's."""
  return all(device.platform == "cpu" for device in devices)


def near(x: jax.Array) -> bool:
  """Whether all of an array is in this process's memory."""
  return x.is_fully_addressable and on_host(x.devices())


def host_parts(x: jax.Array) -> list[tuple[tuple[slice, ...], np.ndarray]]:
  """The parts of an array that is `near`, each once, not copied.

  Returns:
    Where each part is in the whole, and a view of it.
  """
  with jax.transfer_guard("allow"):  # nothing is moved
    return [
      (shard.index, np.asarray(shard.data))
      for shard in x.addressable_shards
      if shard.replica_id == 0
    ]


def fetch(tree: PyTree) -> PyTree:
  """Global arrays as host arrays, whole on every process."""
  if jax.process_count() == 1:
    return jax.device_get(tree)
  if all(x.is_fully_replicated for x in jax.tree.leaves(tree)):
    return jax.tree.map(lambda x: jax.device_get(x.addressable_data(0)), tree)
  mesh = jax.tree.leaves(tree)[0].sharding.mesh
  # One program for the whole tree, begun when its arrays are there: programs
  # side by side may meet their collectives in another order elsewhere.
  whole = _gather(NamedSharding(mesh, PartitionSpec()))(
    jax.block_until_ready(tree)
  )
  return jax.tree.map(lambda x: jax.device_get(x.addressable_data(0)), whole)


@functools.cache
def _gather(replicated: NamedSharding) -> Callable[[PyTree], PyTree]:
  """Copies arrays to every device."""
  return jax.jit(lambda tree: tree, out_shardings=replicated)


def key(seed: int, layout: Layout, *folds: int) -> jax.Array:
  """A random key from a seed and what is folded into it, on every device."""
  with jax.transfer_guard("allow"):
    result = jax.random.key(seed)
    for fold in folds:
      result = jax.random.fold_in(result, fold)
    data = put(jax.random.key_data(result), layout.replicated)
    return jax.random.wrap_key_data(data)


def any_process(flag: bool) -> bool:
  """Whether any process says so; all get the same answer."""
  if jax.process_count() == 1:
    return flag
  return bool(multihost_utils.process_allgather(np.array(flag)).any())


def is_lead() -> bool:
  """Whether this process writes the files that are written once."""
  return jax.process_index() == 0
