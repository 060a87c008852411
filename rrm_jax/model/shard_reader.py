"""The values of safetensors files, read by slices.

Files are mapped, so a process touches only the slices it asks for.
"""

import math
import mmap
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from rrm_jax.model import shards
from rrm_jax.model.shards import Tensor

_BLOCK = 1 << 22  # bytes mapped at a time
_ALIGNMENT = 64  # bytes


def read(
  tensor: Tensor, shape: tuple[int, ...], index: tuple[slice, ...]
) -> np.ndarray:
  """A slice of a tensor, in memory of its own.

  Args:
    tensor: Whose bytes.
    shape: How to see it.
    index: A slice for each dimension of `shape`.
  """
  ranges = (range(*s.indices(n)) for s, n in zip(index, shape, strict=True))
  made = aligned(tuple(map(len, ranges)), shards.DTYPES[tensor.dtype])
  first = index[0].indices(shape[0])[0]
  for begin, block in blocks(tensor, shape, index):
    made[begin - first : begin - first + len(block)] = block
  return made


def blocks(
  tensor: Tensor, shape: tuple[int, ...], index: tuple[slice, ...]
) -> Iterator[tuple[int, np.ndarray]]:
  """Views of a slice's rows in the file, a few megabytes each.

  Args:
    tensor: Whose bytes.
    shape: How to see it; its first dimension has the rows.
    index: A slice for each dimension.

  Yields:
    The first row's place in the whole tensor, and a read-only view that is
    gone with the last reference to it.
  """
  rows, *inner = index
  first, last, _ = rows.indices(shape[0])
  row = math.prod(shape[1:])
  step = max(
    1, _BLOCK // max(1, row * shards.itemsize(shards.DTYPES[tensor.dtype]))
  )
  for begin in range(first, last, step):
    end = min(begin + step, last)
    block = _mapped(tensor, begin * row, end * row)
    yield begin, block.reshape(end - begin, *shape[1:])[:, *inner]


def equal(tensor: Tensor, array: np.ndarray) -> bool:
  """Whether an array has a tensor's dtype, shape and bits."""
  if array.dtype != shards.DTYPES[tensor.dtype] or array.shape != tensor.shape:
    return False
  flat = bits(np.ascontiguousarray(array).reshape(-1))
  step = _BLOCK // array.itemsize
  return all(
    np.array_equal(
      flat[i : i + step],
      bits(_mapped(tensor, i, min(i + step, flat.size))),
    )
    for i in range(0, flat.size, step)
  )


def same(one: Tensor, other: Tensor) -> bool:
  """Whether two tensors of one dtype and shape have the same bits."""
  shape = (math.prod(one.shape),)
  views = (
    (bits(block) for _, block in blocks(tensor, shape, (slice(None),)))
    for tensor in (one, other)
  )
  return all(map(np.array_equal, *views))


def bits(array: np.ndarray) -> np.ndarray:
  """The same bits as unsigned integers: NaNs are equal, zeros are not."""
  return array.view(f"u{array.itemsize}")


def _mapped(tensor: Tensor, begin: int, end: int) -> np.ndarray:
  """A flat view of some values in their file; gone with the view."""
  dtype = jnp.dtype(shards.DTYPES[tensor.dtype])
  start = tensor.start + begin * dtype.itemsize
  base = start - start % mmap.ALLOCATIONGRANULARITY
  length = tensor.start + end * dtype.itemsize - base
  with tensor.file.open("rb") as f:
    pages = mmap.mmap(f.fileno(), length, access=mmap.ACCESS_READ, offset=base)
  return np.frombuffer(pages, dtype, end - begin, start - base)


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
  """Memory that jax takes for a CPU device's without a copy."""
  size = math.prod(shape) * shards.itemsize(dtype)
  raw = np.empty(size + _ALIGNMENT, np.uint8)
  start = -raw.ctypes.data % _ALIGNMENT
  return raw[start : start + size].view(jnp.dtype(dtype)).reshape(shape)
