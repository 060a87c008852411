"""Rows of published files: Parquet, JSON and JSONL, as they were fetched.

What can be wrong with a fetched file is said by name: it is not there, is only
a part of what it should be, is a pointer of Git LFS, is no UTF-8, or has other
fields than the set had when this was written.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_LFS_POINTER = b"version https://git-lfs"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
SUFFIXES = (".parquet", ".jsonl", ".json")
# Files beside a set's rows which Hugging Face's libraries write.
_DESCRIPTIONS = ("dataset_infos.json", "dataset_info.json", "dataset_dict.json")
# Where a split's own folder may be.
_TOPS = ("", "data", "default")
# What `hf download` leaves behind of a file while it fetches it.
_HALF_FETCHED = ".cache/huggingface/download/**/*.incomplete"
_BYTE_ORDER_MARK = "\ufeff"


# Values by field, and where they stand.
Placed = tuple[Mapping[str, Any], str]


def split_files(folder: Path, split: str) -> list[Path]:
  """The files of a split, as Hugging Face's data sets are laid out.

  They are in the folder or its `data`, named SPLIT-00000-of-00002.parquet and
  so on (perhaps with a digest), or SPLIT.parquet, .jsonl or .json; or they are
  all that a folder SPLIT holds, as in the copies that Hugging Face converts
  (`default/SPLIT/0000.parquet`). A lone file of another name is the split
  "train", as for Hugging Face; what describes the set does not count.

  Args:
    folder: Of the set; or a file, which is then the split.
    split: Its name.

  Raises:
    ValueError: the folder or the split is not there, or some of its parts.
  """
  if folder.is_file():
    return [folder]
  _require_folder(folder)
  files = _rows_in(folder, folder / "data")
  found = [path for path in files if _split_of(path) == split]
  if not found:
    found = _in_own_folder(folder, split)
    if found and not any(_SHARD.search(path.stem) for path in found):
      return found
  if not found and split == "train" and len(files) == 1:
    return files
  if not found:
    names = ", ".join(sorted({_split_of(path) for path in files})) or "none"
    raise ValueError(
      f"{folder} has no split {split!r}; the splits in it are: {names}. "
      f"{_remedy(folder)}"
    )
  _require_all_shards(folder, split, found)
  return found


def named_file(folder: Path, *names: str) -> Path:
  """The first of these paths below a folder that is there.

  Raises:
    ValueError: none is, or there is no such folder.
  """
  _require_folder(folder)
  for name in names:
    if (folder / name).is_file():
      return folder / name
  there = ", ".join(sorted(path.name for path in folder.iterdir())[:10])
  raise ValueError(
    f"{folder} has no {' or '.join(names)}; in it are: {there or 'no files'}. "
    f"{_remedy(folder)}"
  )


def read(path: Path) -> Iterator[Placed]:
  """The rows of a file in their order, each with where it stands.

  Raises:
    ValueError: the file cannot be read, or is not what its suffix says.
  """
  _require_content(path)
  match path.suffix:
    case ".parquet":
      yield from _parquet(path)
    case ".jsonl":
      yield from _json_lines(path, _text(path))
    case ".json":
      yield from _json(path, _text(path))
    case _:
      raise ValueError(
        f"{path} must end in one of {', '.join(SUFFIXES)}: the suffix says "
        "how to read it"
      )


def json_list(path: Path) -> list[Any]:
  """What a JSON file holds, which must be a list.

  Raises:
    ValueError: the file cannot be read, or holds something else.
  """
  _require_content(path)
  return _listed(path, _text(path))


def _require_folder(folder: Path) -> None:
  if not folder.is_dir():
    state = "is a file" if folder.exists() else "does not exist"
    raise ValueError(f"{folder} {state}; give the folder of the set")


def _rows_in(*folders: Path) -> list[Path]:
  """The files with rows in these folders, in the order of their paths."""
  return sorted(
    path
    for folder in folders
    for path in folder.glob("*")
    if path.suffix in SUFFIXES and path.name not in _DESCRIPTIONS
  )


def _in_own_folder(folder: Path, split: str) -> list[Path]:
  """The files in a folder which has the split's name."""
  places = [folder / top / split for top in _TOPS]
  return next(filter(None, map(_rows_in, places)), [])


def _remedy(folder: Path) -> str:
  """What to do about a file that is not there."""
  if next(folder.glob(_HALF_FETCHED), None):
    return "Its download was cut off: run the same `hf download` again"
  return "Give the folder which holds the set as it was published"


def _split_of(path: Path) -> str:
  """`train-00000-of-00001-a1b2.parquet` and `train.jsonl` are of "train"."""
  return _SHARD.split(path.stem)[0]


def _require_all_shards(
  folder: Path, split: str, files: Sequence[Path]
) -> None:
  shards = [_SHARD.search(path.stem) for path in files]
  numbers = {int(shard[1]) for shard in shards if shard}
  totals = {int(shard[2]) for shard in shards if shard}
  # Without numbers there is one file; with them, one of each number and total.
  if len(totals) > 1 or len(files) != max(len(numbers), 1):
    names = ", ".join(str(path.relative_to(folder)) for path in files)
    raise ValueError(
      f"{folder} has more than one copy of split {split!r}: {names}; keep one"
    )
  missing = set(range(max(totals, default=0))) - numbers
  if missing:
    raise ValueError(
      f"{folder} lacks {len(missing)} of the {max(totals)} parts of split "
      f"{split!r}, the first being number {min(missing):05d}; the download was "
      "cut off, so fetch the set again"
    )


def _require_content(path: Path) -> None:
  try:
    with path.open("rb") as file:
      begin = file.read(len(_LFS_POINTER))
  except OSError as error:
    raise ValueError(
      f"{path} cannot be read: {error.strerror}; is the data set complete?"
    ) from None
  if begin == _LFS_POINTER:
    raise ValueError(
      f"{path} is a pointer of Git LFS in place of the file; run `git lfs "
      "pull` in its folder"
    )
  if not begin:
    raise ValueError(f"{path} is empty; fetch it again")


def _parquet(path: Path) -> Iterator[Placed]:
  try:
    with pq.ParquetFile(path) as file:
      place = 0
      for batch in file.iter_batches(batch_size=1024):
        for values in batch.to_pylist():
          yield values, f"{path}: row {place}"
          place += 1
  except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
    raise ValueError(
      f"{path} is no whole Parquet file ({error}); the download was perhaps "
      "cut off, so fetch it again"
    ) from None


def _json(path: Path, text: str) -> Iterator[Placed]:
  """A list of rows, or a row a line: both are published as .json."""
  begin, _, rest = text.lstrip().partition("\n")
  if begin.startswith("{") and begin.rstrip().endswith("}") and rest.strip():
    yield from _json_lines(path, text)
    return
  for place, one in enumerate(_listed(path, text)):
    yield _object(one, f"{path}: row {place}")


def _listed(path: Path, text: str) -> list[Any]:
  values = _parsed(path, text)
  if not isinstance(values, list):
    raise ValueError(
      f"{path} holds a {type(values).__name__}, must hold a list of rows"
    )
  return values


def _json_lines(path: Path, text: str) -> Iterator[Placed]:
  for place, line in enumerate(text.split("\n")):
    if line.strip():
      yield _object(_parsed(path, line, place), f"{path}:{place + 1}")


def _object(values: Any, source: str) -> Placed:
  if not isinstance(values, dict):
    raise ValueError(f"{source} is {type(values).__name__}, must be an object")
  return values, source


def _text(path: Path) -> str:
  try:
    return path.read_text(encoding="utf-8").removeprefix(_BYTE_ORDER_MARK)
  except UnicodeDecodeError as error:
    raise ValueError(
      f"{path} is not UTF-8: its byte {error.start + 1} is "
      f"{error.object[error.start]:#04x}; it is another file, or was damaged"
    ) from None


def _parsed(path: Path, text: str, lines_before: int = 0) -> Any:
  try:
    return json.loads(text)
  except json.JSONDecodeError as error:
    # The decoder points to where an open text begins.
    ends = not text[error.pos :].strip() or error.msg.startswith("Unterminated")
    end = "; the text ends in it: was the download cut off?" if ends else ""
    raise ValueError(
      f"{path}:{lines_before + error.lineno}: column {error.colno}: no valid "
      f"JSON: {error.msg}{end}"
    ) from None
  except RecursionError:
    raise ValueError(f"{path}: no valid JSON: nested too deeply") from None
