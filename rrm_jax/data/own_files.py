"""Comparisons or candidates of one's own: a JSONL, JSON or Parquet file."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rrm_jax.data import candidates, kept, readers, reading, rows
from rrm_jax.records import Candidates, Comparison


def read(path: Path) -> list[Comparison]:
  """Reads a file of a form that its suffix says; JSONL where it says nothing.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows; of a
      folder, the message names what in it can be read.
  """
  if inside := _inside(path):
    raise ValueError(f"{path} is a folder; give one of {', '.join(inside)}")
  if _is_table(path):
    return _gathered(path, readers.comparison_from_row)
  return readers.read_jsonl(path, allow_empty=True)


def read_candidates(path: Path) -> list[Candidates]:
  """Reads a file of candidates, as `read` one of comparisons.

  Raises:
    ValueError: as `read`.
  """
  if _is_table(path):
    return _gathered(path, candidates.candidates_from_row)
  return candidates.read_candidates(path, allow_empty=True)


def _inside(folder: Path) -> list[str]:
  """What a folder that is no set has of comparisons."""
  return [
    str(path)
    for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
    if path.suffix in rows.SUFFIXES or kept.has_comparisons(path)
  ]


def _is_table(path: Path) -> bool:
  return path.exists() and path.suffix in (".parquet", ".json")


def _gathered(
  path: Path, make: Callable[[Any, str, str, bool], reading.Item]
) -> list[reading.Item]:
  """The items of a file, named by it and their places if by nothing else."""

  def row(found: reading.Row, notes: reading.Notes) -> Iterable[reading.Item]:
    del notes  # nothing is left out or changed
    name = Path(found.source).name  # with the row's place
    yield make(found.values, name, found.source, True)

  return reading.gather([path], (), row).items
