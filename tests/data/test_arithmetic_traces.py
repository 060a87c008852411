"""Traces of the built-in task, and how many of their steps are right."""

import collections
import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.data import arithmetic
from rrm_jax.records import Comparison, Message
from tests.data.test_arithmetic import TASK, drawn

CAREFUL = config.Traces(careful=1.0, partial=0.0, lazy=0.0, noise=0.0)


PARTIAL = config.Traces(careful=0.0, partial=1.0, lazy=0.0, noise=0.0)


LAZY = config.Traces(careful=0.0, partial=0.0, lazy=1.0, noise=0.0)


# 0 + 3 = 3, 3 - 9 = -6 = 4, 4 * 7 = 28 = 8 (modulo 10).
BY_HAND = Comparison(
  uid="by-hand",
  conversation=(Message("user", "+3 -9 *7 . ."),),
  responses=("8", "5"),
  label=1,
)


def trace_parts(text):
  """Running values, result, yes/no marks and verdict of a trace."""
  found = re.fullmatch(
    r"((?: \d)*) = (\d) A1:(\d) (yes|no) A2:(\d) (yes|no) </think>"
    r" \\boxed\{Assistant ([12])\}",
    text,
  )
  assert found, text
  values, result, first, mark_1, second, mark_2, winner = found.groups()
  return values.split(), result, (first, second), (mark_1, mark_2), int(winner)


def test_careful_trace_by_hand():
  assert arithmetic.trace(BY_HAND, CAREFUL, 0) == (
    r" 3 4 8 = 8 A1:8 yes A2:5 no </think> \boxed{Assistant 1}"
  )
  assert arithmetic.trace(BY_HAND, CAREFUL, 0, swapped=True) == (
    r" 3 4 8 = 8 A1:5 no A2:8 yes </think> \boxed{Assistant 2}"
  )


def test_verdict_only_by_hand():
  assert arithmetic.verdict_only(BY_HAND) == r" \boxed{Assistant 1}"
  assert arithmetic.verdict_only(BY_HAND, True) == r" \boxed{Assistant 2}"
  with pytest.raises(ValueError, match="by-hand has no label"):
    arithmetic.verdict_only(dataclasses.replace(BY_HAND, label=None))


def test_partial_trace_stops_early_with_its_value_as_result():
  depths = collections.Counter()
  for seed in range(300):
    values, result, _, marks, winner = trace_parts(
      arithmetic.trace(BY_HAND, PARTIAL, seed)
    )
    assert values == ["3", "4"][: len(values)]
    assert result == values[-1]
    assert marks == ("no", "no")
    depths[len(values), winner] += 1
  # One or two steps, and a coin's verdict as neither 3 nor 4 is an answer.
  assert set(depths) == {(1, 1), (1, 2), (2, 1), (2, 2)}
  assert all(abs(count - 75) < 4 * 7.5 for count in depths.values())


def test_partial_trace_of_one_term_is_careful():
  row = dataclasses.replace(BY_HAND, conversation=(Message("user", "+8 ."),))
  assert arithmetic.trace(row, PARTIAL, 0).startswith(" 8 = 8 A1:8 yes")


def test_lazy_trace_guesses_an_answer():
  found = collections.Counter(
    arithmetic.trace(BY_HAND, LAZY, seed) for seed in range(300)
  )
  assert set(found) == {
    r" = 8 A1:8 yes A2:5 no </think> \boxed{Assistant 1}",
    r" = 5 A1:8 no A2:5 yes </think> \boxed{Assistant 2}",
  }
  assert all(abs(count - 150) < 4 * 75**0.5 for count in found.values())


def test_noise_replaces_running_values_and_is_carried_on():
  noisy = dataclasses.replace(CAREFUL, noise=0.5)
  seen = set()
  for seed in range(200):
    values, result, _, _, _ = trace_parts(
      arithmetic.trace(BY_HAND, noisy, seed)
    )
    assert len(values) == 3
    assert result == values[-1]
    seen.add(tuple(values))
  assert ("3", "4", "8") in seen
  # A slip in the second value carried on correctly: 5 * 7 = 35.
  assert ("3", "5", "5") in seen
  assert len(seen) > 20


def test_traces_come_in_their_shares_and_noise_in_its():
  mixed = config.Traces(careful=0.5, partial=0.2, lazy=0.3, noise=0.1)
  task = config.Data(min_terms=3, max_terms=6)
  kinds = collections.Counter()
  right = written = 0
  for row in drawn(task, 0, "train", 2000):
    thinking = arithmetic.trace(row, mixed, 0)
    values = trace_parts(thinking)[0]
    kinds[
      "lazy"
      if not values
      else "careful"
      if len(values) == arithmetic.num_terms(row)
      else "partial"
    ] += 1
    checked = arithmetic.check_steps(row, thinking)
    right, written = right + checked[0], written + checked[1]
  assert abs(kinds["careful"] / 2000 - 0.5) < 4 * (0.25 / 2000) ** 0.5
  assert abs(kinds["partial"] / 2000 - 0.2) < 4 * (0.16 / 2000) ** 0.5
  assert abs(kinds["lazy"] / 2000 - 0.3) < 4 * (0.21 / 2000) ** 0.5
  # A slip draws the right digit again once in ten: 1 - .1 * .9 are right.
  assert abs(right / written - 0.91) < 4 * (0.91 * 0.09 / written) ** 0.5


@settings(deadline=None)
@given(
  st.integers(0, 10**6),
  st.integers(0, 10**6),
  st.booleans(),
  st.sampled_from([CAREFUL, PARTIAL, LAZY, config.Traces(noise=0.3)]),
)
def test_a_trace_agrees_with_itself(index, seed, swapped, traces):
  row = arithmetic.comparison(TASK, 5, "train", index)
  values, result, shown, marks, winner = trace_parts(
    arithmetic.trace(row, traces, seed, swapped)
  )
  assert shown == (row.responses[::-1] if swapped else row.responses)
  assert marks == tuple("yes" if r == result else "no" for r in shown)
  assert marks[winner - 1] == "yes" or marks == ("no", "no")
  assert not values or values[-1] == result
  # The other order prefers the same answer after the same work.
  other = trace_parts(arithmetic.trace(row, traces, seed, not swapped))
  assert (other[0], other[1], other[4]) == (values, result, 3 - winner)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_careful_traces_without_noise_are_right(index, swapped):
  row = arithmetic.comparison(TASK, 5, "test", index)
  thinking = arithmetic.trace(row, CAREFUL, 0, swapped)
  count = arithmetic.num_terms(row)
  winner = 3 - row.label if swapped else row.label
  assert thinking.endswith(arithmetic.verdict_only(row, swapped))
  assert trace_parts(thinking)[4] == winner
  assert arithmetic.check_steps(row, thinking) == (count, count)


@pytest.mark.parametrize(
  ("thinking", "counts"),
  [
    (" 3 4 8 = 8 A1:8 yes", (3, 3)),
    (" 3 4 8", (3, 3)),
    (" 3 4", (2, 2)),
    ("", (0, 0)),
    (" = 8 A1:8 yes", (0, 0)),
    (" 3 4 8 8 = 8", (3, 4)),  # one too many
    (" 3 5 5 = 5", (2, 3)),  # 3 - 9 = 4, but 5 * 7 = 35: one slip
    (" 2 3 1 = 1", (2, 3)),  # 0 + 3 = 3, but 2 - 9 = 3 and 3 * 7 = 21
    (" yes 4 8 = 8", (1, 3)),  # a piece that is no digit, and the next
    (" 34 8 = 8", (0, 2)),
    (" 3 </think> 4", (1, 1)),
    (" \u0663 = 3", (0, 1)),  # an Arabic three is no token of ours
    ("==", (0, 0)),
  ],
)
def test_check_steps_by_hand(thinking, counts):
  assert arithmetic.check_steps(BY_HAND, thinking) == counts


@settings(deadline=None)
@given(st.text())
def test_check_steps_takes_any_text(thinking):
  right, written = arithmetic.check_steps(BY_HAND, thinking)
  assert 0 <= right <= min(written, 3)


@pytest.mark.parametrize(
  "query", ["", ".", "+3 . -9", "+3 x", "+3  -9", "+12", "*1", "why?"]
)
def test_foreign_queries_are_named(query):
  row = dataclasses.replace(BY_HAND, conversation=(Message("user", query),))
  with pytest.raises(ValueError, match="by-hand has query"):
    arithmetic.num_terms(row)
