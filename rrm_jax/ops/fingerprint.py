"""A checksum of an array that does not depend on how it is sharded."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped, UInt32

_BLOCK = 1 << 17  # words weighted at a time: they stay in a core's cache
_PIECES = 16  # of an array, for the threads


@jax.jit
def fingerprint(x: Shaped[jax.Array, "..."]) -> UInt32[jax.Array, ""]:
  """The sum modulo 2^32 of an array's words, each by a weight of its place.

  The weight is the product of an odd number for each index, so any one changed
  bit changes the sum; more changes go unseen once in 2^32. Integer sums do not
  depend on their order, so neither does it on the sharding, and the devices
  compute it where the array lies.
  """
  if x.dtype == jnp.bool_:
    x = x.astype(jnp.uint8)
  words = jax.lax.bitcast_convert_type(x, f"uint{8 * min(x.dtype.itemsize, 4)}")
  total = words.astype(jnp.uint32)
  for dim in reversed(range(words.ndim)):
    weights = _weights(dim, 0, words.shape[dim], jnp)
    total = jnp.sum(total * weights, axis=-1, dtype=jnp.uint32)
  return total


def fingerprint_on_host(
  parts: Iterable[tuple[tuple[slice, ...], np.ndarray]],
) -> int:
  """The same, of an array in the host's memory; compiles nothing.

  Args:
    parts: Where each is in the whole array, and its values.
  """
  total = 0
  with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
    for index, part in parts:
      words = part.view(f"u{part.itemsize}")
      starts = [cut.start or 0 for cut in index]
      if not words.ndim:
        total += int(words)
      elif words.size:
        total += int(_summed(words, starts, threads))
  return total % 2**32


def _summed(
  words: np.ndarray, starts: list[int], threads: ThreadPoolExecutor
) -> np.uint32:
  """The weighted sum of a part that begins at these indices."""
  *outer, length = words.shape
  rows = words.reshape(-1, length)
  weights = _weights(len(outer), starts[-1], length, np)
  step = -(-len(rows) // _PIECES)
  pieces = (rows[i : i + step] for i in range(0, len(rows), step))
  sums = list(threads.map(lambda piece: _row_sums(piece, weights), pieces))
  total: Any = np.concatenate(sums).reshape(outer)
  for dim in reversed(range(len(outer))):
    total = total * _weights(dim, starts[dim], outer[dim], np)
    total = total.sum(axis=-1, dtype=np.uint32)
  return np.uint32(total)


def _row_sums(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
  sums = np.empty(len(rows), np.uint32)
  step = max(1, _BLOCK // rows.shape[1])
  scratch = np.empty((step, rows.shape[1]), np.uint32)
  for i in range(0, len(rows), step):
    block = scratch[: len(rows) - i]
    block[:] = rows[i : i + step]
    block *= weights
    block.sum(axis=1, dtype=np.uint32, out=sums[i : i + step])
  return sums


def _weights(dim: int, start: int, length: int, xp: ModuleType) -> Any:
  """An odd number for each index of a dimension."""
  x = xp.arange(start + 1, start + 1 + length, dtype=xp.uint32)
  x = x * xp.uint32(0x9E3779B1) + xp.uint32((dim * 0x7F4A7C15) % 2**32)
  x = (x ^ (x >> 15)) * xp.uint32(0x85EBCA77)
  return (x ^ (x >> 13)) | 1
