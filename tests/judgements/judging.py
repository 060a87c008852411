"""A judge without a model, whose every answer can be told from all others."""

import hashlib
from collections.abc import Callable

from rrm_jax.judgements import rows
from rrm_jax.judgements.streams import Batch
from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Message,
  Question,
  Verdict,
)

IDENTITY = {"weights": "w", "sampling": {"temperature": 0.6, "stop": ["x"]}}


def question(i, sample_id=0, swapped=False, uid=None):
  comparison = Comparison(
    uid=uid or f"row-{i}",
    conversation=(Message("user", f"What is {i}?\n"),),
    responses=(f"yes {i}", "日本 \u2028 no"),
    label=1,
    subset="s",
  )
  return Question(comparison, sample_id, swapped)


def answer(asked: Question) -> Judgement:
  """Follows from the question alone, as a judge's must."""
  name = rows.key("", asked)
  number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
  verdict = [Verdict(1), Verdict(2), Verdict(None, Invalid.TRUNCATED)][
    number % 3
  ]
  return Judgement(
    uid=asked.comparison.uid,
    sample_id=asked.sample_id,
    swapped=asked.swapped,
    verdict=verdict,
    text=f"Hm,\n\u2028 「{name}」 \\boxed{{",
    prompt_tokens=number % 100,
    thinking_tokens=number % 7,
    completion_tokens=number % 11,
    finish=list(Finish)[number % 3],
  )


def stream(
  size: int = 2, tell: Callable[[Question], None] = lambda asked: None
):
  """Answers so many at a time, the last questions first."""

  def ask(questions):
    numbers = list(range(len(questions)))[::-1]
    for i in range(0, len(numbers), size):
      made = {}
      for number in numbers[i : i + size]:
        tell(questions[number])
        made[number] = answer(questions[number])
      yield Batch(made, {"speed": 1.0})

  return ask
