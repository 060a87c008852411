"""Someone else's verdicts, or their scores, from a file.

A row is an object with `id` and either `winner` (1 or 2 in the data's order,
a swap undone; 0 or null for none or a tie) or `score_1` and `score_2` (a scalar
reward model's; equal ones are a tie). As readers place a preferred response by
a coin, `winner` may be "chosen" or "rejected" instead, and the scores may be
`score_chosen` and `score_rejected`. `swapped` and `sample` say which question a
row answers; without them it answers all on its comparison. `text` is optional.

Ids are those of judgements.jsonl, which `--judge=simulated:0` writes for any
data. A tie is no verdict: PandaLM's rule takes it for its class 0, JudgeBench's
for 0 points. RewardBench's harness counts a scalar model's tie as wrong, as the
rule does that RM-R1 has for missing verdicts.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rrm_jax import bad_rows
from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Judging,
  Question,
  Verdict,
)

_WINNERS = (1, 2, "chosen", "rejected", 0, None)
_SCORES = ("score_1", "score_2")
_SCORES_BY_LABEL = ("score_chosen", "score_rejected")

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
    raise ValueError(_unanswered(question, known, path))
  winner = _placed(_winner(row), question.comparison, path)
  return Judgement(
    uid=uid,
    sample_id=sample,
    swapped=swapped,
    verdict=Verdict(winner, None if winner else Invalid.NO_WINNER),
    text=row.get("text") or "",
    prompt_tokens=0,
    thinking_tokens=0,
    completion_tokens=0,
    finish=Finish.STOPPED,
  )


def _unanswered(
  question: Question, known: dict[_Key, dict[str, Any]], path: Path
) -> str:
  uid = question.comparison.uid
  ids = dict.fromkeys(key[0] for key in known)
  if uid not in ids:
    return (
      f"{path} has no row with the id {uid!r}; its {len(ids)} ids are such as "
      f"{next(iter(ids))!r}. Use those of judgements.jsonl, which "
      "--judge=simulated:0 writes for the same data"
    )
  return (
    f"{path} has no verdict on {uid!r} for sample {question.sample_id} and "
    f"swapped={question.swapped}; ask for as many votes (--config.samples) and "
    "orders (--config.order=given for one) as it has"
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
    shown = bad_rows.shown(problems)
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
  if not isinstance(row.get("text"), str | None):
    raise ValueError(f"text={row['text']!r} must be a text")
  return str(row["id"]), sample, swapped


def _placed(
  winner: int | str | None, comparison: Comparison, path: Path
) -> int | None:
  """A winner as 1 or 2.

  Raises:
    ValueError: the chosen or the rejected one won, and there is no label.
  """
  if not isinstance(winner, str):
    return winner
  if comparison.label is None:
    raise ValueError(
      f"{path} says that the {winner} response of {comparison.uid!r} won, and "
      f"that has no label ({comparison.source}); say winner 1 or 2"
    )
  return comparison.label if winner == "chosen" else 3 - comparison.label


def _winner(row: dict[str, Any]) -> int | str | None:
  """Who won by a row: 1, 2, "chosen" or "rejected"; None for nobody.

  Raises:
    ValueError: the row does not say.
  """
  if "winner" in row:
    winner = row["winner"]
    typed = type(winner) in (int, str, type(None))
    if not typed or winner not in _WINNERS:
      raise ValueError(
        f"winner={winner!r} must be 1 or 2, chosen or rejected, or 0 or null "
        "for none or a tie"
      )
    return winner or None
  by_label = any(name in row for name in _SCORES_BY_LABEL)
  names = _SCORES_BY_LABEL if by_label else _SCORES
  first, second = (_score(row, name) for name in names)
  if first == second:
    return None
  better, worse = ("chosen", "rejected") if by_label else (1, 2)
  return better if first > second else worse


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
      "and score_2, or score_chosen and score_rejected, as numbers"
    )
  return score
