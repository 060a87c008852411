"""A run's judgements, as launch.evaluate wrote them down.

Who reads them needs neither the model nor the data again.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax.judgements import rows
from rrm_jax.records import Comparison, Judgement

_SHOWN_PROBLEMS = 10


class Run(NamedTuple):
  """What a judge said about comparisons.

  Attributes:
    judgements: In the order of the file.
    comparisons: What was judged, by uid. Labels and subsets are known; texts
      are not, and are empty.
  """

  judgements: list[Judgement]
  comparisons: dict[str, Comparison]


def read(path: Path) -> Run:
  """Reads a file of judgements.

  Raises:
    ValueError: it cannot be read, has no rows, or has bad ones; the message
      names up to ten of them.
  """
  try:
    lines = path.read_bytes().split(b"\n")
  except OSError as error:
    raise ValueError(
      f"{path} cannot be read: {error.strerror}; give the judgements.jsonl of "
      "launch.evaluate"
    ) from None
  judgements: list[Judgement] = []
  comparisons: dict[str, Comparison] = {}
  problems: list[str] = []
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    try:
      row = _object(line)
      judgements.append(_judgement(row))
      _learn(row, comparisons, f"{path}:{number}")
    except ValueError as error:
      problems.append(f"{path}:{number}: {error}")
  if problems:
    shown = "\n  ".join(problems[:_SHOWN_PROBLEMS])
    raise ValueError(
      f"{len(problems)} rows of {path} are no judgements; if it is still being "
      f"written, wait for its end:\n  {shown}"
    )
  if not judgements:
    raise ValueError(f"{path} has no judgements; has the run begun?")
  return Run(judgements, comparisons)


def _object(line: bytes) -> dict[str, Any]:
  try:
    row = json.loads(line)
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise ValueError(f"no valid JSON: {error}") from None
  if not isinstance(row, dict):
    raise ValueError(f"{type(row).__name__} in place of an object")
  return row


def _judgement(row: dict[str, Any]) -> Judgement:
  try:
    return rows.from_row(row)
  except KeyError as error:
    raise ValueError(f"the row has no field {error}") from None


def _learn(
  row: dict[str, Any], known: dict[str, Comparison], source: str
) -> None:
  """Adds what a row says of its comparison.

  Raises:
    ValueError: it says something else than a row before.
  """
  label = row.get("label")
  if label not in (None, 1, 2):
    raise ValueError(f"label={label!r} must be 1, 2 or null")
  subset = row.get("subset") or ""
  here = Comparison(row["id"], (), ("", ""), label, subset, source)
  first = known.setdefault(here.uid, here)
  if (first.label, first.subset) != (label, subset):
    raise ValueError(
      f"label={label!r} and subset={subset!r} of {here.uid!r}, where "
      f"{first.source} has {first.label!r} and {first.subset!r}; is this two "
      "files in one?"
    )
