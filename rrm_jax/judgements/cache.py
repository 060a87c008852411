"""The judgement cache: a folder of JSONL files.

Each writer appends to a file of its own, so that writers need no locks, which
shared file systems seldom keep, and one that was killed in the middle of a line
spoils nobody else's. Lines are written with their batch: kill -9 loses none of
them. The disk is told to keep them every few seconds, so that a power failure
costs no more than those.
"""

import json
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import workdir
from rrm_jax.judgements import rows
from rrm_jax.records import Judgement

_SECONDS_BETWEEN_SYNCS = 5.0
_SHOWN_FAULTS = 10


class _Place(NamedTuple):
  """Where a line is."""

  path: Path
  begin: int


class Cache:
  """The judgements in a folder; texts stay there until they are asked for.

  Attributes:
    faults: Lines that are damaged, each with its file, number and reason.
  """

  def __init__(self, folder: Path):
    """Opens a folder, or makes it, and reads what is there.

    Raises:
      ValueError: it cannot be written to.
    """
    try:
      folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise _unwritable(folder, error) from None
    if not os.access(folder, os.W_OK):
      raise ValueError(f"{folder} is not yours to write; choose another folder")
    self.folder = folder
    self.faults: list[str] = []
    self._places: dict[str, _Place] = {}
    self._judges: dict[str, Mapping[str, Any]] = {}
    self._counts: Counter[str] = Counter()
    self._read: dict[Path, tuple[int, int]] = {}  # bytes and lines
    self._file: FileIO | None = None
    self._told: set[str] = set()  # judges that our file describes
    self._synced = time.monotonic()
    self.refresh()
    self._tell_unfinished()

  def __enter__(self) -> "Cache":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def __len__(self) -> int:
    return len(self._places)

  def refresh(self) -> None:
    """Takes in what anyone has written since; names what is damaged."""
    before = len(self.faults)
    for path in sorted(self.folder.glob("*.jsonl")):
      self._scan(path)
    _warn(self.folder, self.faults[before:])

  def get(self, key: str) -> Judgement | None:
    """What is known under a key.

    Raises:
      ValueError: it was damaged since it was read first.
    """
    place = self._places.get(key)
    if place is None:
      return None
    with place.path.open("rb") as file:
      file.seek(place.begin)
      try:
        return rows.from_row(rows.parse(file.readline()))
      except ValueError as error:
        raise ValueError(
          f"{place.path}: the line at byte {place.begin} has changed since it "
          f"was read: {error}; start again"
        ) from error

  def add(
    self, identity: Mapping[str, Any], made: Mapping[str, Judgement]
  ) -> None:
    """Writes judgements down; returns when kill -9 cannot undo it.

    Args:
      identity: Their judge.
      made: By their keys.

    Raises:
      ValueError: the disk is full, or the folder cannot be written to.
    """
    if not made:
      return
    judge = rows.digest(identity)
    file = self._file = self._file or self._open()
    lines: list[dict] = []
    if judge not in self._told:
      lines.append({"judge": judge, "identity": identity})
    lines += [
      {"key": name, "judge": judge, **rows.to_row(judgement)}
      for name, judgement in made.items()
    ]
    try:
      _write(file, b"".join(map(rows.line, lines)))
      if time.monotonic() - self._synced > _SECONDS_BETWEEN_SYNCS:
        os.fsync(file.fileno())
        self._synced = time.monotonic()
    except OSError as error:
      # It may end in the middle of a line, which nothing must follow.
      file.close()
      self._file = None
      raise _unwritable(Path(str(file.name)), error) from error
    self._told.add(judge)
    self._scan(Path(str(file.name)))

  def close(self) -> None:
    """Returns when all is on the disk."""
    if self._file is not None:
      os.fsync(self._file.fileno())
      self._file.close()
      self._file = None

  def told(self, identity: Mapping[str, Any]) -> str:
    """A line for people: what the cache holds of a judge and of others."""
    judge = rows.digest(identity)
    others: Counter[str] = Counter()
    for name, count in self._counts.items():
      if name != judge:
        others[_difference(self._judges.get(name), identity)] += count
    line = f"{self.folder}: {self._counts[judge]} judgements of this judge"
    shown = [f"{count} with {what}" for what, count in others.items()]
    return f"{line}; not used are {'; '.join(shown)}" if shown else line

  def _open(self) -> FileIO:
    """A file of our own, later in order than those that are there."""
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.jsonl"
    self._told.clear()
    try:
      return FileIO(self.folder / name, "xb")
    except OSError as error:
      raise _unwritable(self.folder, error) from error

  def _scan(self, path: Path) -> None:
    """Reads on from where it stopped, as far as lines are whole."""
    begin, number = self._read.get(path, (0, 0))
    with path.open("rb") as file:
      file.seek(begin)
      for line in file:
        if not line.endswith(b"\n"):
          break  # being written, or its writer was killed
        number += 1
        try:
          self._take(rows.parse(line), _Place(path, begin))
        except (ValueError, KeyError, TypeError) as error:
          self.faults.append(f"{path}:{number}: {error!r}")
        begin += len(line)
    self._read[path] = begin, number

  def _take(self, row: Mapping[str, Any], place: _Place) -> None:
    """Remembers where a line is, or which judge it describes."""
    judge = row["judge"]
    if "identity" in row:
      self._judges[judge] = row["identity"]
      return
    rows.from_row(row)  # or a later `get` would fail
    if self._places.setdefault(row["key"], place) is place:
      self._counts[judge] += 1

  def _tell_unfinished(self) -> None:
    for path, (end, number) in self._read.items():
      if path.stat().st_size > end:
        logging.info(
          "%s:%d is unfinished: it is being written, or its writer was killed",
          path, number + 1,
        )  # fmt: skip


def _warn(folder: Path, faults: list[str]) -> None:
  """Names what was lost; it is judged again where it is asked for."""
  if faults:
    more = len(faults) - _SHOWN_FAULTS
    shown = faults[:_SHOWN_FAULTS] + [f"and {more} more"] * (more > 0)
    logging.warning(
      "%s: %d damaged lines, whose judgements are made again:\n  %s",
      folder, len(faults), "\n  ".join(shown),
    )  # fmt: skip


def _write(file: FileIO, data: bytes) -> None:
  """Writes all of it: one call may write a part."""
  rest = memoryview(data)
  while rest:
    rest = rest[file.write(rest) or 0 :]


def _difference(
  there: Mapping[str, Any] | None, here: Mapping[str, Any]
) -> str:
  """In which fields another judge differs."""
  if there is None:
    return "nothing said of their judge"
  plain = json.loads(json.dumps(here))
  fields = workdir.differences(there, plain, "")
  return "other " + ", ".join(
    field.split(":")[0].strip(" .") for field in fields
  )


def _unwritable(path: Path, error: OSError) -> ValueError:
  return ValueError(
    f"{path} cannot be written: {error.strerror}; make room, or choose another "
    "folder"
  )
