"""A run's judgements, as launch.evaluate wrote them down.

Who reads them needs neither the model nor the data again.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import bad_rows
from rrm_jax.judgements import rows
from rrm_jax.records import Comparison, Judgement, Message


class Run(NamedTuple):
  """What a judge said about comparisons.

  Attributes:
    judgements: In the order of the file.
    comparisons: What was judged, by uid. Labels and subsets are known. Texts
      are not, and are empty; in place of a conversation stands its digest, the
      same for comparisons of one query, if the file has them.
    lengths: Characters of each comparison's two responses, by uid; without
      those whose rows do not say.
  """

  judgements: list[Judgement]
  comparisons: dict[str, Comparison]
  lengths: dict[str, tuple[int, int]]


class _Said(NamedTuple):
  """What a row says of its comparison."""

  label: int | None
  subset: str
  lengths: tuple[int, int] | None
  query: str

  def comparison(self, uid: str, source: str) -> Comparison:
    turns = (Message("user", self.query),) if self.query else ()
    return Comparison(uid, turns, ("", ""), self.label, self.subset, source)


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
  known: dict[str, tuple[_Said, str]] = {}
  problems: list[str] = []
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    try:
      row = _object(line)
      judgements.append(_judgement(row))
      _learn(row, known, f"{path}:{number}")
    except ValueError as error:
      problems.append(f"{path}:{number}: {error}")
  if problems:
    raise ValueError(
      f"{len(problems)} rows of {path} are no judgements; if it is still being "
      f"written, wait for its end:\n  {bad_rows.shown(problems)}"
    )
  if not judgements:
    raise ValueError(f"{path} has no judgements; has the run begun?")
  return Run(
    judgements,
    {
      uid: said.comparison(uid, source) for uid, (said, source) in known.items()
    },
    {uid: said.lengths for uid, (said, _) in known.items() if said.lengths},
  )


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
  row: dict[str, Any], known: dict[str, tuple[_Said, str]], source: str
) -> None:
  """Adds what a row says of its comparison.

  Raises:
    ValueError: it says something else than a row before.
  """
  subset, query = row.get("subset") or "", row.get("query") or ""
  said = _Said(_label(row), subset, _lengths(row), query)
  first, where = known.setdefault(row["id"], (said, source))
  for field, here, there in zip(_Said._fields, said, first, strict=True):
    if here != there:
      raise ValueError(
        f"{field}={here!r} of {row['id']!r}, where {where} has {there!r}; is "
        "this two files in one?"
      )


def _label(row: dict[str, Any]) -> int | None:
  label = row.get("label")
  if label not in (None, 1, 2):
    raise ValueError(f"label={label!r} must be 1, 2 or null")
  return label


def _lengths(row: dict[str, Any]) -> tuple[int, int] | None:
  """Of the two responses; older files do not have them."""
  match row.get("lengths"):
    case None:
      return None
    case [int(first), int(second)] if min(first, second) >= 0:
      return first, second
    case other:
      raise ValueError(
        f"lengths={other!r} must be the characters of the two responses"
      )
