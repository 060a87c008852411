"""A table of runs: a line for each, in JSONL or CSV, to compare them by."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
  """A run: who judged what how, and what came of it. Shares are in [0, 1].

  Attributes:
    time: When, in ISO 8601, UTC.
    data: The benchmark's name, or the file.
    model: As it was given.
    weights: Which of a workdir's; "" for those that it stands for.
    fingerprint: Names all that the answers hang on beside the data.
    votes: On each comparison, in each order that was asked for.
    order: Which that was; see `config.Evaluate`.
    temperature: Of sampling.
    thinking_budget: In tokens, -1 for none.
    max_new_tokens: Room.
    seed: Of sampling and drawn orders.
    comparisons: That were judged.
    left_out: Whose prompts were too long.
    published_rrm: By the benchmark's rule, no verdict being 0.5.
    published_rm_r1: The same, no verdict being 0.
    both_orders: By that rule in both orders, with its interval.
    both_orders_low: Its lower end.
    both_orders_high: Its upper end.
    voted: As `both_orders`, or `published_rrm` if there is but one order, of
      the majority of votes.
    accuracy: The mean over comparisons, whatever the benchmark.
    low: The lower end of its interval.
    high: The upper end.
    flip_rate: Of pairs of verdicts in both orders, how many disagree.
    invalid_rate: Of judgements, how many have no verdict.
    first_rate: Of verdicts, how many name what is shown first.
    longer_rate: Of verdicts, how many name the longer response.
    thinking_tokens: Mean over judgements.
    completion_tokens: Mean over judgements.
    run: The folder with all the rest.
  """

  time: str
  data: str
  model: str
  weights: str
  fingerprint: str
  votes: int
  order: str
  temperature: float
  thinking_budget: int
  max_new_tokens: int
  seed: int
  comparisons: int
  left_out: int
  published_rrm: float | None
  published_rm_r1: float | None
  both_orders: float | None
  both_orders_low: float | None
  both_orders_high: float | None
  voted: float | None
  accuracy: float | None
  low: float | None
  high: float | None
  flip_rate: float | None
  invalid_rate: float
  first_rate: float | None
  longer_rate: float | None
  thinking_tokens: float
  completion_tokens: float
  run: str


def check(path: Path) -> None:
  """Refuses a table that a line could not be added to, before there is one.

  Args:
    path: The table; it need not be there.

  Raises:
    ValueError: it can be neither read nor written, or has other columns.
  """
  if path.suffix not in (".jsonl", ".csv"):
    raise ValueError(f"--results={path} must end in .jsonl or .csv")
  if path.exists():
    _texts(path)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab"):
      pass
  except OSError as error:
    raise ValueError(
      f"--results={path} cannot be written: {error.strerror}; choose another"
    ) from None


def append(path: Path, row: Line) -> bool:
  """Adds a line, unless one is there that differs in its time alone.

  So a run that is repeated is in the table once.

  Returns:
    Whether it was added.

  Raises:
    ValueError: as `check`.
  """
  cells = row._asdict()
  if _text(cells) in _texts(path):
    return False
  line = json.dumps(cells) + "\n"
  if path.suffix == ".csv":
    head = "" if path.exists() and path.stat().st_size else _csv(Line._fields)
    line = head + _csv(row)
  with path.open("ab", buffering=0) as file:
    file.write(line.encode())  # at once: other runs may append as well
  return True


def _texts(path: Path) -> list[dict[str, str]]:
  """The lines of a table as CSV would have them."""
  text = path.read_text(encoding="utf-8") if path.exists() else ""
  if path.suffix == ".csv":
    reader = csv.DictReader(io.StringIO(text))
    names = tuple(reader.fieldnames or Line._fields)
    if names != Line._fields:
      raise ValueError(
        f"{path} has the columns {', '.join(names)}, not "
        f"{', '.join(Line._fields)}; name another --results"
      )
    return [_text(row) for row in reader]
  found = []
  for number, line in enumerate(text.splitlines(), 1):
    try:
      row = json.loads(line)
    except ValueError:
      row = None
    if not isinstance(row, dict):
      raise ValueError(
        f"{path}:{number} is no JSON object; remove the line, or name another "
        "--results"
      )
    found.append(_text(row))
  return found


def _text(row: Mapping[str, object]) -> dict[str, str]:
  """Cells as text. When a run was made is no part of what it found."""
  return {
    name: "" if value is None else str(value)
    for name, value in row.items()
    if name != "time"
  }


def _csv(cells: Iterable[object]) -> str:
  file = io.StringIO()
  csv.writer(file, lineterminator="\n").writerow(cells)
  return file.getvalue()
