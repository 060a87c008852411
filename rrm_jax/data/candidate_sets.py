"""Groups of candidates, by the name of a set or the path of a file."""

import logging
from pathlib import Path

from rrm_jax.data import candidates, public_sets
from rrm_jax.records import Candidates

_LOG = logging.getLogger(__name__)


def resolve(spec: str) -> list[Candidates]:
  """Finds candidates by a name, or by the path of a JSONL file.

  The names are those of `public_sets` whose set has groups. What one should
  know of the data is logged.

  Raises:
    ValueError: the folder of a named set cannot be found, or its files or
      the JSONL file cannot be read.
  """
  if spec.partition("=")[0] in public_sets.GROUPED:
    found = public_sets.groups(spec)
    for note, count in found.notes.items():
      _LOG.info("%s: %d %s", spec, count, note)
    return found.items
  try:
    return candidates.read_candidates(spec)
  except ValueError as error:
    if Path(spec).exists():
      raise
    names = ", ".join(public_sets.GROUPED)
    raise ValueError(f"{error}, or one of the names {names}") from None
