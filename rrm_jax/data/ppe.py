"""PPE's correctness sets, from Hugging Face's lmarena-ai/PPE-*-Best-of-K.

Fields (read so by several public evaluations of these sets): `prompt`,
`response_1` to `response_32`, `scores`, `sampled_conflict_pairs`. Where the
folder has an `extracted_conflict_pairs.json`, as the RRM paper's harness does,
its pairs are taken in place of the rows' own: [prompt][round] -> two places.

A prompt has instructions around the question; the judge sees what comes after
the first marker, as in that harness.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import groups, reading, rows
from rrm_jax.records import Candidates, Comparison

_CONFLICTS = "extracted_conflict_pairs.json"
_SAMPLED = "sampled_conflict_pairs"


@dataclasses.dataclass(frozen=True)
class Part:
  """One of the sets: its name in reports, and where its questions begin."""

  subset: str
  marker: str


PARTS = {
  "mmlu-pro": Part("MMLU-Pro", "Question:"),
  "math": Part("MATH", "<problem>"),
  "gpqa": Part("GPQA", "Question"),
}


def read_groups(folder: Path, part: str) -> reading.Reading[Candidates]:
  """Reads the candidates of a set (Frick et al., arXiv:2410.14872).

  Args:
    folder: Of the one set.
    part: A name in `PARTS`.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Candidates]:
    yield _candidates(row, notes, part)

  files = rows.split_files(folder, "train")
  return reading.gather(files, ("prompt", "scores"), make)


def read(folder: Path, part: str) -> reading.Reading[Comparison]:
  """Reads the pairs of a set: five of each prompt's conflicts.

  They are named PROMPT/ROUND/RIGHT-WRONG: a pair may come in two rounds.

  Args:
    folder: Of the one set.
    part: A name in `PARTS`.

  Raises:
    ValueError: as `reading.gather`, or a pair has not one right answer.
  """
  conflicts = folder / _CONFLICTS
  extracted = rows.json_list(conflicts) if conflicts.is_file() else None

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    group = _candidates(row, notes, part)
    if extracted is None:
      row.require((_SAMPLED,))
      pairs = row.values[_SAMPLED]
    elif row.place < len(extracted):
      pairs = extracted[row.place]
    else:
      raise ValueError(f"{conflicts} has pairs for {len(extracted)} rows only")
    if not isinstance(pairs, list) or not pairs:
      name = _SAMPLED if extracted is None else conflicts
      raise ValueError(f"{name} has {pairs} here, must have a list of pairs")
    for number, pair in enumerate(pairs):
      right, wrong = _conflict(group, pair)
      named = dataclasses.replace(group, uid=f"{group.uid}/{number}")
      yield groups.comparison(named, right, wrong)

  files = rows.split_files(folder, "train")
  return reading.gather(files, ("prompt", "scores"), make)


def _candidates(
  row: reading.Row, notes: reading.Notes, part: str
) -> Candidates:
  scores = row.values["scores"]
  if not isinstance(scores, list) or not all(one in (0, 1) for one in scores):
    raise ValueError(f"scores={scores} must be a list of 0 and 1")
  names = [f"response_{place}" for place in range(1, len(scores) + 1)]
  row.require(names)
  subset, marker = PARTS[part].subset, PARTS[part].marker
  _, found, question = row.text("prompt").partition(marker)
  if not found:
    raise ValueError(
      f"prompt has no {marker!r}, after which the question of {subset} begins"
    )
  return groups.candidates(
    row,
    f"ppe-{part}-{row.place:03d}",
    notes,
    query=question.strip(),
    responses=tuple(row.text(name) for name in names),
    correct=tuple(bool(score) for score in scores),
    subset=subset,
  )


def _conflict(group: Candidates, pair: object) -> tuple[int, int]:
  """The places of a pair's right and wrong answer."""
  correct = group.correct or ()
  if (
    not isinstance(pair, list)
    or len(pair) != 2
    or not all(type(one) is int and 0 <= one < len(correct) for one in pair)
  ):
    raise ValueError(
      f"the conflict {pair} must be two places from 0 to {len(correct) - 1}"
    )
  first, second = pair
  if correct[first] == correct[second]:
    raise ValueError(
      f"the conflict {pair} has answers that are both "
      f"{'right' if correct[first] else 'wrong'}"
    )
  return (first, second) if correct[first] else (second, first)
