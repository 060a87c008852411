"""Comparisons of one's own: a JSONL, JSON or Parquet file."""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import readers, reading
from rrm_jax.records import Comparison


def read(path: Path) -> list[Comparison]:
  """Reads a file of a form that its suffix says; JSONL where it says nothing.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows.
  """
  if path.exists() and path.suffix in (".parquet", ".json"):
    return reading.gather([path], (), _row).items
  return readers.read_jsonl(path, allow_empty=True)


def _row(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
  del notes  # nothing is left out or changed
  name = Path(row.source).name  # with the row's place
  yield readers.comparison_from_row(
    row.values, name, row.source, allow_empty=True
  )
