"""Safetensors files, written tensor by tensor.

The library's writer wants all tensors of a file in memory at once; here one is
enough, as the header needs only their shapes.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from rrm_jax.model import shards

_PARTIAL = ".partial"
_CODES = {name: code for code, name in shards.DTYPES.items()}


def write(
  folder: Path,
  shapes: Mapping[str, tuple[int, ...]],
  dtype: str,
  arrays: Iterable[np.ndarray],
  shard_bytes: int,
  progress: Callable[[int], None] | None = None,
) -> None:
  """Writes a folder's tensors, each as it comes.

  Files get their names when all are whole and on disk, the index last.

  Args:
    folder: Made if it is not there.
    shapes: Of each tensor, by name.
    dtype: NumPy's name of the dtype of all of them.
    arrays: One for each name, in the same order.
    shard_bytes: Most bytes of tensors in one file, but at least one tensor.
    progress: Gets the bytes written so far.

  Raises:
    ValueError: the folder holds weights already.
  """
  check_free(folder)
  folder.mkdir(parents=True, exist_ok=True)
  parts = _parts(shapes, shards.itemsize(dtype), shard_bytes)
  files = {folder / name: names for name, names in _named(parts).items()}
  total = sum(math.prod(shape) for shape in shapes.values()) * shards.itemsize(
    dtype
  )
  source, done = iter(arrays), 0
  try:
    for file, names in files.items():
      with _partial(file).open("wb", buffering=0) as f:
        _put(f, _header({name: shapes[name] for name in names}, dtype))
        for name in names:
          array = next(source)
          assert array.shape == shapes[name], (name, array.shape)
          assert array.dtype == jnp.dtype(dtype), (name, array.dtype)
          _put(f, np.ascontiguousarray(array).reshape(-1).view(np.uint8))
          done += array.nbytes
          del array  # before the next one is made
          if progress is not None:
            progress(done)
        os.fsync(f.fileno())
    assert next(source, None) is None and done == total
    if len(files) > 1:
      places = {name: f.name for f, names in files.items() for name in names}
      index = {"metadata": {"total_size": total}, "weight_map": places}
      files[folder / shards.INDEX] = []
      text = json.dumps(index, indent=2, sort_keys=True) + "\n"
      with _partial(folder / shards.INDEX).open("wb", buffering=0) as f:
        _put(f, text.encode())
        os.fsync(f.fileno())
    for file in files:
      _partial(file).rename(file)
    _sync(folder)
  finally:
    for file in files:
      _partial(file).unlink(missing_ok=True)


def check_free(folder: Path) -> None:
  """Raises ValueError if a folder holds weights, or is none."""
  if folder.exists() and not folder.is_dir():
    raise ValueError(f"{folder} is a file; give a folder to write weights to")
  held = sorted(folder.glob("*.safetensors")) + sorted(
    folder.glob(shards.INDEX)
  )
  if held:
    raise ValueError(
      f"{held[0]} is there already; remove it or choose another folder"
    )


def _partial(file: Path) -> Path:
  return file.with_name(file.name + _PARTIAL)


def _parts(
  shapes: Mapping[str, tuple[int, ...]], itemsize: int, most: int
) -> list[list[str]]:
  """Names by file, as many into each as fit."""
  if most < 1:
    raise ValueError(f"shard_bytes={most} must be at least 1")
  parts: list[list[str]] = [[]]
  room = most
  for name, shape in shapes.items():
    size = math.prod(shape) * itemsize
    if size > room and parts[-1]:
      parts.append([])
      room = most
    parts[-1].append(name)
    room -= size
  return parts


def _named(parts: list[list[str]]) -> dict[str, list[str]]:
  """File names as transformers gives them."""
  count = len(parts)
  if count == 1:
    return {shards.SINGLE: parts[0]}
  return {
    f"model-{i:05d}-of-{count:05d}.safetensors": names
    for i, names in enumerate(parts, 1)
  }


def _header(shapes: Mapping[str, tuple[int, ...]], dtype: str) -> bytes:
  """The length and the header of a file, padded to eight bytes."""
  made: dict[str, Any] = {"__metadata__": {"format": "pt"}}
  start = 0
  for name, shape in shapes.items():
    stop = start + math.prod(shape) * shards.itemsize(dtype)
    made[name] = {
      "dtype": _CODES[dtype],
      "shape": list(shape),
      "data_offsets": [start, stop],
    }
    start = stop
  text = json.dumps(made, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 8)
  return len(text).to_bytes(8, "little") + text


def _put(f: Any, data: Any) -> None:
  """Writes all bytes; one system call may take fewer."""
  rest = memoryview(data)
  while rest:
    rest = rest[f.write(rest) :]


def _sync(folder: Path) -> None:
  """Puts the new names on disk."""
  handle = os.open(folder, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)
