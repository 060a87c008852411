"""What a folder of safetensors files holds, by their headers.

A file is eight bytes with the header's length, the header in JSON, and the
tensors' bytes, little-endian and without gaps. Everything about a folder can
be checked from its headers; `shard_reader` and `shard_writer` move the bytes.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# Safetensors' names of the dtypes that weights come in, and NumPy's.
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_LONGEST_HEADER = 100_000_000  # bytes; the library's limit


@dataclass(frozen=True)
class Tensor:
  """Where a tensor's bytes are; `dtype` is as the header spells it."""

  name: str
  file: Path
  dtype: str
  shape: tuple[int, ...]
  start: int  # byte in the file
  stop: int

  @property
  def where(self) -> str:
    """Tensor and file, for messages."""
    return f"tensor {self.name} in {self.file}"


def tensors(folder: Path) -> dict[str, Tensor]:
  """All tensors of a folder, by name; only headers are read.

  With an index, its files are read; without, every *.safetensors.

  Raises:
    ValueError: a file is missing, damaged or cut short, two files hold a
      tensor of one name, or the index does not say what the files hold.
  """
  if not folder.is_dir():
    raise ValueError(f"{folder} is no folder; give one with {SINGLE} in it")
  index = _index(folder)
  present = sorted(folder.glob("*.safetensors"))
  if index is None:
    files = present
    if not files:
      raise ValueError(_nothing(folder))
  else:
    files = sorted({folder / file for file in index.values()})
    _check_files(folder, files, present)
  found: dict[str, Tensor] = {}
  for file in files:
    for tensor in header(file):
      if tensor.name in found:
        raise ValueError(
          f"{tensor.where} is in {found[tensor.name].file} too; keep the files "
          "of one checkpoint only"
        )
      found[tensor.name] = tensor
  if index is not None:
    _check_index(folder / INDEX, index, found)
  return found


def _nothing(folder: Path) -> str:
  """Says what the folder holds instead of safetensors."""
  others = [
    path.name
    for path in sorted(folder.iterdir())
    if path.suffix in (".bin", ".pt", ".pth", ".gguf", ".msgpack", ".h5")
  ]
  if not others:
    return f"{folder} holds no *.safetensors; download the model's weights"
  return (
    f"{folder} holds no *.safetensors, but {', '.join(others)}; convert with "
    "transformers: AutoModelForCausalLM.from_pretrained(folder, dtype='auto')"
    ".save_pretrained(other, safe_serialization=True)"
  )


def _index(folder: Path) -> dict[str, str] | None:
  """Tensor to file name, as the index says; None where there is none."""
  path = folder / INDEX
  if not path.exists():
    return None
  found = _json(path.read_bytes(), str(path))
  weights = found.get("weight_map") if isinstance(found, dict) else None
  if not isinstance(weights, dict) or not weights:
    raise ValueError(f"{path} has no weight_map; download it again")
  for name, file in weights.items():
    if not isinstance(file, str) or Path(file).name != file:
      raise ValueError(
        f"{path}: weight_map[{name!r}] = {file!r} is no name of a file in "
        "the folder"
      )
  return weights


def _check_files(
  folder: Path, files: Sequence[Path], present: Sequence[Path]
) -> None:
  for file in files:
    if not file.is_file():
      raise ValueError(
        f"{folder / INDEX} names {file.name}, which is not in {folder}; "
        "download it, or the whole folder again"
      )
  for file in present:
    if file not in files:
      raise ValueError(
        f"{file} is not named by {INDEX} beside it: whose weights are meant? "
        "Move away the one that is not"
      )


def _check_index(
  path: Path, index: dict[str, str], found: dict[str, Tensor]
) -> None:
  for name in index | found:
    held = found[name].file.name if name in found else "none of its files"
    if index.get(name) != held:
      raise ValueError(
        f"{path} says that tensor {name} is in {index.get(name)}, it is in "
        f"{held}; download the folder again"
      )


def _json(text: bytes, where: str) -> Any:
  """Parsed JSON, in which no object names a field twice."""

  def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(items)
    if len(made) < len(items):
      names = [name for name, _ in items]
      twice = next(name for name in names if names.count(name) > 1)
      raise ValueError(f"{where} names {twice!r} twice; it is damaged")
    return made

  try:
    return json.loads(text.decode(), object_pairs_hook=pairs)
  except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
    raise ValueError(
      f"{where} is no JSON ({error}); download the file again"
    ) from error


def header(file: Path) -> list[Tensor]:
  """The tensors of one file, in the order of their bytes.

  Raises:
    ValueError: the file is damaged or cut short.
  """
  if not file.is_file():
    raise ValueError(f"{file} is no file, or a link to none; download it again")
  size = file.stat().st_size
  with file.open("rb") as f:
    length = int.from_bytes(f.read(8), "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
      raise ValueError(
        f"{file} has {size} bytes and says that its header has {length}; it "
        "is cut short or no safetensors file; download it again"
      )
    entries = _json(f.read(length), f"the header of {file}")
  if not isinstance(entries, dict):
    raise ValueError(f"the header of {file} is no JSON object")
  begin = 8 + length
  made = [
    _tensor(file, name, entry, begin)
    for name, entry in entries.items()
    if name != "__metadata__"
  ]
  made.sort(key=lambda tensor: (tensor.start, tensor.stop))
  for tensor in made:
    if tensor.start != begin:
      raise ValueError(
        f"{tensor.where} begins at byte {tensor.start}, the one before it "
        f"ends at {begin}; the header is damaged"
      )
    begin = tensor.stop
    if begin > size:
      raise ValueError(
        f"{tensor.where} ends at byte {begin}, the file at {size}: it is cut "
        "short; download it again"
      )
  if begin < size:
    raise ValueError(
      f"{file} has {size} bytes, its tensors end at {begin}; it is damaged"
    )
  return made


def _tensor(file: Path, name: str, entry: Any, begin: int) -> Tensor:
  """One entry of a header, checked."""
  match entry:
    case {
      "dtype": str(dtype),
      "shape": [*shape],
      "data_offsets": [int(start), int(stop)],
    } if all(type(size) is int and size >= 0 for size in shape):
      made = Tensor(
        name, file, dtype, tuple(shape), begin + start, begin + stop
      )
    case _:
      raise ValueError(
        f"tensor {name} in {file} is described by {entry!r}; the header is "
        "damaged"
      )
  if dtype in DTYPES:
    wanted = math.prod(shape) * itemsize(DTYPES[dtype])
    if stop - start != wanted:
      raise ValueError(
        f"{made.where} is {dtype}{shape} of {wanted} bytes, the header gives "
        f"it {stop - start}; it is damaged"
      )
  return made


def itemsize(dtype: str) -> int:
  """Bytes of one value."""
  return jnp.dtype(dtype).itemsize
