"""Between their tensors and our arrays where the devices are CPUs.

A CPU device's memory is the host's. So a tensor's bytes go straight from its
mapped file to their place in our array, which jax then takes as it is: nothing
is compiled, and nothing lies in memory twice. All cores take part.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from rrm_jax import config, sharding
from rrm_jax.model import shard_reader, shards
from rrm_jax.model.hf_table import Kind, kinds, places

_TILE = 1 << 18  # bytes transposed at a time: they stay in a core's cache
_PIECE = 1 << 22  # bytes that are one thread's work

Index = tuple[slice, ...]
# Where to, and where from; of one shape.
_Copy = tuple[np.ndarray, np.ndarray]


def load(
  found: dict[str, shards.Tensor],
  cfg: config.Model,
  dtype: str,
  cuts: dict[str, NamedSharding],
  advance: Callable[[int], None],
) -> dict[str, jax.Array]:
  """Our arrays; arguments as of `hf_programs.load`."""
  made: dict[str, jax.Array] = {}
  with _threads() as threads:
    for kind in kinds(cfg):
      cut = cuts[kind.ours]
      tensors = [found[name] for name in kind.names]
      part = functools.partial(_part, tensors, kind, cut, dtype, threads)
      made[kind.ours] = sharding.put_slices(kind.shape, cut, part)
      for tensor in tensors:
        advance(tensor.stop - tensor.start)
  return made


def _part(
  tensors: list[shards.Tensor],
  kind: Kind,
  cut: NamedSharding,
  dtype: str,
  threads: ThreadPoolExecutor,
  index: Index,
) -> np.ndarray:
  """What a device holds of our array."""
  array = shard_reader.aligned(cut.shard_shape(kind.shape), dtype)
  _copy(_read(array, tensors, kind, index), threads)
  return array


def _read(
  array: np.ndarray, tensors: list[shards.Tensor], kind: Kind, index: Index
) -> Iterator[_Copy]:
  """From the files into our array, which is `index` of the whole."""
  layers, inner = (index[0], index[1:]) if kind.layers else (slice(1), index)
  back = np.argsort(kind.order)
  theirs = tuple(inner[i] for i in back)
  first = theirs[0].indices(kind.seen[0])[0]
  for tensor, ours in zip(
    tensors[layers], array if kind.layers else array[None], strict=True
  ):
    target = ours.transpose(back)
    for begin, block in shard_reader.blocks(tensor, kind.seen, theirs):
      begin -= first
      yield target[begin : begin + len(block)], block


def take(
  leaves: dict[str, jax.Array], cfg: config.Model, dtype: str
) -> Iterator[np.ndarray]:
  """Their tensors as of `places`, not merged; arguments as `hf_programs.take`.

  The next one is made while one is used.
  """
  with _threads() as threads, ThreadPoolExecutor(1) as ahead:

    def made(kind: Kind, layer: int) -> np.ndarray:
      theirs = np.empty(kind.seen, jnp.dtype(dtype))
      target = theirs.transpose(kind.order)
      _copy(_taken(target, leaves[kind.ours], layer, kind), threads)
      return theirs

    place = list(places(cfg).values())
    following = ahead.submit(made, *place[0])
    for each in place[1:]:
      array = following.result()
      following = ahead.submit(made, *each)
      yield array
      del array  # before there is one more
    yield following.result()


def _taken(
  target: np.ndarray, ours: jax.Array, layer: int, kind: Kind
) -> Iterator[_Copy]:
  for index, part in sharding.host_parts(ours):
    if kind.layers:
      first, last, _ = index[0].indices(kind.layers)
      if not first <= layer < last:
        continue
      index, part = index[1:], part[layer - first]
    rows = _rows(part, _PIECE)
    for i in range(0, len(part), rows):
      yield target[index][i : i + rows], part[i : i + rows]


def _threads() -> ThreadPoolExecutor:
  return ThreadPoolExecutor(min(8, os.cpu_count() or 1))


def _copy(copies: Iterable[_Copy], threads: ThreadPoolExecutor) -> None:
  """Does these, casting."""
  for _ in threads.map(_tiles, copies):
    pass


def _tiles(copy: _Copy) -> None:
  target, source = copy
  same = target.dtype == source.dtype
  if same:  # NumPy is slow with dtypes that are not its own
    target, source = shard_reader.bits(target), shard_reader.bits(source)
  rows = _rows(source, _TILE)
  with np.errstate(over="ignore"):  # who saves looks for infinities
    for i in range(0, len(source), rows):
      tile = source[i : i + rows]
      target[i : i + rows] = tile if same else tile.astype(target.dtype)


def _rows(array: np.ndarray, size: int) -> int:
  """How many rows have about so many bytes."""
  return max(1, size // max(1, array[:1].nbytes))
