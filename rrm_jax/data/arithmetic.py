"""The built-in verifiable task: which digit does an expression come to?

A query such as "+3 -9 *7 . ." is worked from the left, modulo 10, starting
from 0: 3, 4, 8. It is filled to `max_terms` slots, so that a term's distance
to its running value is constant. One of the two responses is right; the other
is where one slip on the way would have led. The number of terms is the
difficulty: no part of the work can be skipped.

Everything here is a pure function of its arguments. The random streams are
those of `random.Random.random` with a text as seed, which Python promises to
keep the same between versions (NumPy does not promise it for `Generator`).
"""

import functools
import random
import re
from collections.abc import Sequence
from typing import Literal

from rrm_jax import config, stable_hash
from rrm_jax.records import Comparison, Message

Split = Literal["train", "test"]

SOURCE = "arithmetic"
# How often each operator comes after the first term, of 20.
_OPERATORS = 9 * "+" + 6 * "-" + 5 * "*"
_DIGITS = "0123456789"
_FILL = "."
_TERM = re.compile(r"[+-][0-9]|\*[2-9]")
# One query in so many is kept for the test split.
_TEST_ONE_IN = 4
# Queries of so many terms are too few to hold some of them out.
_FEW_TERMS = 2


def comparison(
  task: config.Data, seed: int, split: Split, index: int
) -> Comparison:
  """Number `index` of an endless stream of comparisons.

  Of three or more terms the two splits share no query, whatever the seed, the
  order of the answers and the width: a hash of the text says to which split
  it belongs, and a draw which belongs to the other is drawn again. Of two
  terms there are 280 queries, so each is in both splits, in the test split
  with some of its wrong answers and in the other with the rest. Of one term
  there are 10 queries, 180 comparisons in all: those the splits do share, and
  what is measured on them may have been learnt by heart.

  Args:
    task: The operators, the range of terms and the width.
    seed: Which stream.
    split: Which part of the task.
    index: The place in the stream, from 0.

  Raises:
    ValueError: the task's fields make no sense.
  """
  operators = _operator_pool(task)
  rng = random.Random(f"{SOURCE}/{seed}/{split}/{index}")
  num_terms = task.min_terms + _below(rng, task.max_terms - task.min_terms + 1)
  while True:
    terms = _draw_terms(rng, operators, num_terms)
    right = _work(terms)[-1]
    wrong = _draw_wrong(rng, terms, right)
    if len(terms) == 1 or split_of(terms, wrong) == split:
      break
  label = 1 + _below(rng, 2)
  answers = (right, wrong) if label == 1 else (wrong, right)
  fill = [_FILL] * (task.max_terms - num_terms)
  return Comparison(
    uid=f"{SOURCE}-{split}-{seed}-{index:06d}",
    conversation=(Message("user", " ".join([*terms, *fill])),),
    responses=(str(answers[0]), str(answers[1])),
    label=label,
    subset=f"{num_terms:02d} terms",
    source=SOURCE,
  )


def split_of(terms: Sequence[str], wrong: int) -> Split:
  """The split of a query, of two terms with this wrong answer."""
  place = stable_hash.fraction(SOURCE, " ".join(terms))
  if len(terms) == _FEW_TERMS:
    held_out = (wrong + int(place * _TEST_ONE_IN)) % _TEST_ONE_IN == 0
  else:
    held_out = place < 1 / _TEST_ONE_IN
  return "test" if held_out else "train"


def trace(
  comparison: Comparison,
  traces: config.Traces,
  seed: int,
  swapped: bool = False,
) -> str:
  r"""A completion with thinking of mixed quality, for a warm start.

  For example " 3 4 8 = 8 A1:8 yes A2:5 no </think> \boxed{Assistant 1}". Its
  verdict follows from its own result, right or wrong; a coin decides where
  the result is neither answer.

  Args:
    comparison: One of this task.
    traces: The shares of careful, partial and lazy traces, and the noise.
    seed: Another seed gives another trace of the same comparison.
    swapped: Whether the responses are shown in reverse order. The work and
      the answer preferred stay the same.

  Raises:
    ValueError: the comparison is not of this task.
  """
  terms = _terms_of(comparison)
  rng = random.Random(f"{SOURCE}/trace/{seed}/{comparison.uid}")
  values = _noisy_values(
    rng, terms[: _draw_depth(rng, traces, len(terms))], traces.noise
  )
  guess = comparison.responses[_below(rng, 2)]
  result = str(values[-1]) if values else guess
  winner = result if result in comparison.responses else guess
  shown = comparison.responses[:: -1 if swapped else 1]
  pieces = [
    *(str(value) for value in values),
    f"= {result}",
    *(
      f"A{place}:{response} {'yes' if response == result else 'no'}"
      for place, response in enumerate(shown, start=1)
    ),
    "</think>",
  ]
  return f" {' '.join(pieces)}{_box(1 + shown.index(winner))}"


def verdict_only(comparison: Comparison, swapped: bool = False) -> str:
  r"""A completion without thinking: " \boxed{Assistant 1}", always right.

  Raises:
    ValueError: the comparison has no label.
  """
  if comparison.label is None:
    raise ValueError(
      f"comparison {comparison.uid} has no label, so there is no verdict to "
      "learn; give it a label or leave it out"
    )
  return _box(3 - comparison.label if swapped else comparison.label)


def num_terms(comparison: Comparison) -> int:
  """How many terms the query has: the difficulty.

  Raises:
    ValueError: the comparison is not of this task.
  """
  return len(_terms_of(comparison))


def check_steps(comparison: Comparison, thinking: str) -> tuple[int, int]:
  """How many of the running values that a judge wrote are right.

  A value is right if it follows from the value written before it and from the
  term: a slip counts once, however far it carries. All that stands before the
  first "=" (or the closing tag, or the end) counts as written, so values
  beyond the last term, and pieces which are no digits, are wrong.

  Args:
    comparison: One of this task.
    thinking: Any text.

  Returns:
    (right, written).

  Raises:
    ValueError: the comparison is not of this task.
  """
  terms = _terms_of(comparison)
  written = re.split("=|</think>", thinking, maxsplit=1)[0].split()
  right = sum(
    _is_digit(before)
    and _is_digit(after)
    and int(after) == _step(int(before), term)
    for before, after, term in zip(
      ["0", *written], written, terms, strict=False
    )
  )
  return right, len(written)


@functools.cache
def _operator_pool(task: config.Data) -> str:
  """The operators to draw from, each as often as it is likely."""
  chosen = task.operators
  if (
    not chosen
    or set(chosen) - set(_OPERATORS)
    or len(set(chosen)) < len(chosen)
  ):
    raise ValueError(
      f"data.operators={chosen!r} must name some of + - *, each once"
    )
  if not 1 <= task.min_terms <= task.max_terms:
    raise ValueError(
      f"data.min_terms={task.min_terms} and data.max_terms={task.max_terms} "
      "must hold 1 <= min_terms <= max_terms"
    )
  return "".join(op for op in _OPERATORS if op in chosen)


def _below(rng: random.Random, bound: int) -> int:
  """A whole number from 0 to `bound` - 1, each as likely."""
  return int(rng.random() * bound)


def _draw_terms(
  rng: random.Random, operators: str, num_terms: int
) -> list[str]:
  terms = [f"+{_below(rng, 10)}"]
  for _ in range(num_terms - 1):
    op = operators[_below(rng, len(operators))]
    digit = 2 + _below(rng, 8) if op == "*" else _below(rng, 10)
    terms.append(f"{op}{digit}")
  return terms


def _draw_wrong(rng: random.Random, terms: Sequence[str], right: int) -> int:
  """Where one slip at a random step leads, if not to the right answer."""
  values = _work(terms)
  while True:
    place = _below(rng, len(terms))
    slip = (values[place] + 1 + _below(rng, 9)) % 10
    wrong = _work(terms[place + 1 :], slip)[-1]
    if wrong != right:
      return wrong


def _draw_depth(
  rng: random.Random, traces: config.Traces, num_terms: int
) -> int:
  """How many steps a trace works: all, some of them, or none."""
  kind = rng.random()
  if kind < traces.careful:
    return num_terms
  if kind < traces.careful + traces.partial:
    return 1 + _below(rng, num_terms - 1) if num_terms > 1 else 1
  return 0


def _noisy_values(
  rng: random.Random, terms: Sequence[str], noise: float
) -> list[int]:
  """The running values, some replaced by random digits and carried on."""
  values: list[int] = []
  value = 0
  for term in terms:
    value = _step(value, term)
    if rng.random() < noise:
      value = _below(rng, 10)
    values.append(value)
  return values


def _step(value: int, term: str) -> int:
  digit = int(term[1])
  if term[0] == "*":
    return value * digit % 10
  return (value + digit if term[0] == "+" else value - digit) % 10


def _work(terms: Sequence[str], value: int = 0) -> list[int]:
  """The running values; `value` alone where there are no terms."""
  values = []
  for term in terms:
    value = _step(value, term)
    values.append(value)
  return values or [value]


def _box(winner: int) -> str:
  return f" \\boxed{{Assistant {winner}}}"


def _is_digit(piece: str) -> bool:
  return len(piece) == 1 and piece in _DIGITS


def _terms_of(comparison: Comparison) -> list[str]:
  pieces = comparison.query.split(" ")
  terms = pieces[: pieces.index(_FILL)] if _FILL in pieces else pieces
  fill = pieces[len(terms) :]
  if (
    not terms
    or not all(_TERM.fullmatch(term) for term in terms)
    or fill != [_FILL] * len(fill)
  ):
    raise ValueError(
      f"comparison {comparison.uid} has query {comparison.query!r}, which is "
      "not of the arithmetic task; its queries look like '+3 -9 *7 . .'"
    )
  return terms
