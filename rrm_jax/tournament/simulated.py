"""Judges with known faults, to see what a tournament makes of them.

Each answers questions as a real one does. What it says depends on the question
and a seed alone, so a tournament against it can be cut off and repeated.
"""

import math
from collections.abc import Callable, Sequence

from rrm_jax import stable_hash
from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Judging,
  Question,
  Verdict,
)


def flat(error: float, seed: int = 0) -> Judging:
  """Errs with one probability, whatever is compared.

  Where the comparison has no label, as between two right answers, it tosses a
  coin.

  Args:
    error: The share of wrong verdicts, in [0, 1].
    seed: Of its mistakes.

  Raises:
    ValueError: the error is no share.
  """
  _check_share("error", error)

  def first_wins(comparison: Comparison) -> float:
    if comparison.label is None:
      return 0.5
    return 1 - error if comparison.label == 1 else error

  return _judge(first_wins, f"flat {seed}")


def planted(strength: Callable[[str], float], seed: int = 0) -> Judging:
  """Prefers the stronger response as Bradley-Terry says.

  Args:
    strength: A response's log strength; may be infinite.
    seed: Of its mistakes.
  """

  def first_wins(comparison: Comparison) -> float:
    first, second = map(strength, comparison.responses)
    gap = 0.0 if first == second else first - second
    return 0.5 * (1 + math.tanh(0.5 * gap))

  return _judge(first_wins, f"planted {seed}")


def biased(judge: Judging, share: float, seed: int = 0) -> Judging:
  """Says what is shown first, with a probability, and else what `judge` says.

  Raises:
    ValueError: the share is none.
  """
  _check_share("share", share)

  def answer(questions: Sequence[Question]) -> list[Judgement]:
    return [
      _judgement(question, 2 if question.swapped else 1)
      if _lot(question, f"biased {seed}") < share
      else judgement
      for question, judgement in zip(questions, judge(questions), strict=True)
    ]

  return answer


def invalid(judge: Judging, share: float, seed: int = 0) -> Judging:
  """Gives no verdict, with a probability, and else what `judge` says.

  Raises:
    ValueError: the share is none.
  """
  _check_share("share", share)

  def answer(questions: Sequence[Question]) -> list[Judgement]:
    return [
      _judgement(question, None)
      if _lot(question, f"invalid {seed}") < share
      else judgement
      for question, judgement in zip(questions, judge(questions), strict=True)
    ]

  return answer


def _judge(first_wins: Callable[[Comparison], float], key: str) -> Judging:
  def answer(questions: Sequence[Question]) -> list[Judgement]:
    return [
      _judgement(
        question,
        1 if _lot(question, key) < first_wins(question.comparison) else 2,
      )
      for question in questions
    ]

  return answer


def _lot(question: Question, key: str) -> float:
  """A number in [0, 1) for this question."""
  order = "swapped" if question.swapped else "given"
  return stable_hash.fraction(
    key, question.comparison.uid, str(question.sample_id), order
  )


def _judgement(question: Question, winner: int | None) -> Judgement:
  return Judgement(
    uid=question.comparison.uid,
    sample_id=question.sample_id,
    swapped=question.swapped,
    verdict=Verdict(winner, None if winner else Invalid.NO_BOX),
    text=f"simulated: {winner or 'no verdict'}",
    prompt_tokens=0,
    thinking_tokens=0,
    completion_tokens=0,
    finish=Finish.STOPPED,
  )


def _check_share(name: str, value: float) -> None:
  if not 0 <= value <= 1:
    raise ValueError(f"{name}={value} must be a probability, in [0, 1]")
