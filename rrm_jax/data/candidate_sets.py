"""Groups of candidates, by a set's name or the path of a file or kept set."""

import logging
from pathlib import Path

from rrm_jax import config
from rrm_jax.data import (
  arithmetic,
  arithmetic_groups,
  kept,
  own_files,
  public_sets,
  reading,
)
from rrm_jax.records import Candidates

_LOG = logging.getLogger(__name__)


def resolve(spec: str) -> list[Candidates]:
  """Finds candidates by a name, or by the path of a file or kept set.

  A file is JSONL, JSON or Parquet, a kept set what tools.prepare_data wrote.
  The names are those of `public_sets` whose set has groups, and "arithmetic":
  256 queries of the built-in task with eight digits each, one of them right.
  What one should know of the data is logged.

  Raises:
    ValueError: the folder of a named set cannot be found, or its files or
      the file cannot be read.
  """
  if spec == arithmetic.SOURCE:
    task = config.Data(min_terms=arithmetic_groups.LEAST_TERMS)
    return list(arithmetic_groups.groups(task, seed=0, count=256))
  name, _, folder = spec.partition("=")
  if kept.has_groups(Path(folder or spec)):
    return _told(spec, _counted(list(kept.groups(Path(folder or spec)))))
  if name in public_sets.GROUPED:
    return _told(spec, public_sets.groups(spec))
  try:
    found = own_files.read_candidates(Path(spec))
  except ValueError as error:
    if Path(spec).exists():
      raise
    names = ", ".join([arithmetic.SOURCE, *public_sets.GROUPED])
    raise ValueError(f"{error}, or one of the names {names}") from None
  return _told(spec, _counted(found))


def _counted(items: list[Candidates]) -> reading.Reading[Candidates]:
  """Groups of no published form, with what one should know of them."""
  notes = reading.Notes()
  for group in items:
    reading.count_texts(group.responses, notes)
  return reading.Reading(items, notes)


def _told(spec: str, found: reading.Reading[Candidates]) -> list[Candidates]:
  """The groups; what one should know of them is logged."""
  for note, count in found.notes.items():
    _LOG.info("%s: %d %s", spec, count, note)
  return found.items
