"""Someone else's verdicts, or their scores, from a file.

A row is an object with `id` and either `winner` (1 or 2 in the data's order,
a swap undone; 0 or null for none) or `score_1` and `score_2` (a scalar reward
model's; equal ones are no verdict). `swapped` and `sample` say which question
it answers; without them it answers all on its comparison. `text` is optional.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rrm_jax.records import (
  Finish,
  Invalid,
  Judgement,
  Judging,
  Question,
  Verdict,
)

_SHOWN_PROBLEMS = 10

# A comparison with what a row says it answers; None stands for all.
_Key = tuple[str, int | None, bool | None]


def judge(path: Path) -> Judging:
  """A judge who says what stands in a file, and nothing else.

  It writes no tokens. Whoever asks what the file does not answer gets a
  ValueError which names the question.

  Raises:
    ValueError: the file cannot be read, or has bad rows or none; the message
      names up to ten of them.
  """
  known = _read(path)

  def judging(questions: Sequence[Question]) -> list[Judgement]:
    return [_answer(question, known, path) for question in questions]

  return judging


def _answer(
  question: Question, known: dict[_Key, dict[str, Any]], path: Path
) -> Judgement:
  uid, sample, swapped = (
    question.comparison.uid,
    question.sample_id,
    question.swapped,
  )
  keys: tuple[_Key, ...] = (
    (uid, sample, swapped),
    (uid, None, swapped),
    (uid, sample, None),
    (uid, None, None),
  )
  row = next((known[key] for key in keys if key in known), None)
  if row is None:
    raise ValueError(
      f"{path} has no verdict on {uid!r} for sample {sample} and "
      f"swapped={swapped}; ask for as many votes and orders as it has"
    )
  winner = _winner(row)
  return Judgement(
    uid=uid,
    sample_id=sample,
    swapped=swapped,
    verdict=Verdict(winner, None if winner else Invalid.NO_BOX),
    text=row.get("text") or "",
    prompt_tokens=0,
    thinking_tokens=0,
    completion_tokens=0,
    finish=Finish.STOPPED,
  )


def _read(path: Path) -> dict[_Key, dict[str, Any]]:
  try:
    lines = path.read_bytes().split(b"\n")
  except OSError as error:
    raise ValueError(f"{path} cannot be read: {error.strerror}") from None
  known: dict[_Key, dict[str, Any]] = {}
  problems: list[str] = []
  for number, line in enumerate(lines, start=1):
    if line.strip():
      try:
        row = json.loads(line)
        key = _key(row)
        _winner(row)
        if key in known:
          raise ValueError(f"{key} was answered before; keep one of the rows")
        known[key] = row
      except ValueError as error:
        problems.append(f"{path}:{number}: {error}")
  if problems:
    shown = "\n  ".join(problems[:_SHOWN_PROBLEMS])
    raise ValueError(f"{len(problems)} rows of {path} are bad:\n  {shown}")
  if not known:
    raise ValueError(f"{path} has no verdicts")
  return known


def _key(row: Any) -> _Key:
  """What a row answers.

  Raises:
    ValueError: a field makes no sense.
  """
  if not isinstance(row, dict) or type(row.get("id")) not in (str, int):
    raise ValueError(
      'the row must be an object such as {"id": ..., "winner": 1}'
    )
  sample, swapped = row.get("sample"), row.get("swapped")
  if type(sample) not in (int, type(None)):
    raise ValueError(f"sample={sample!r} must be a number from 0")
  if type(swapped) not in (bool, type(None)):
    raise ValueError(f"swapped={swapped!r} must be true or false")
  return str(row["id"]), sample, swapped


def _winner(row: dict[str, Any]) -> int | None:
  """Who won by a row; None for nobody.

  Raises:
    ValueError: the row does not say.
  """
  if "winner" in row:
    winner = row["winner"]
    if winner is not None and (
      type(winner) is not int or winner not in (0, 1, 2)
    ):
      raise ValueError(f"winner={winner!r} must be 1, 2, or 0 or null for none")
    return winner or None
  first, second = _score(row, "score_1"), _score(row, "score_2")
  if first == second:
    return None
  return 1 if first > second else 2


def _score(row: dict[str, Any], name: str) -> float:
  """A score by its field.

  Raises:
    ValueError: it is no finite number.
  """
  score = row.get(name)
  if (
    isinstance(score, bool)
    or not isinstance(score, int | float)
    or not math.isfinite(score)
  ):
    raise ValueError(
      f"the row has no winner, and {name}={score!r}; give winner, or score_1 "
      "and score_2 as numbers"
    )
  return score
