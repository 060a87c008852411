"""The built-in task, against expressions worked by hand."""

import collections
import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.data import arithmetic
from rrm_jax.records import Comparison, Message

TASK = config.Data(max_terms=6)
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

GOLDEN = [
  ("arithmetic-train-0-000000", "+8 . . . .", ("7", "8"), 2, "01 terms"),
  ("arithmetic-train-0-000001", "+8 . . . .", ("8", "5"), 1, "01 terms"),
  ("arithmetic-train-0-000002", "+5 -0 *2 +3 -3", ("0", "9"), 1, "05 terms"),
]


def drawn(task, seed, split, count):
  return [
    arithmetic.comparison(task, seed, split, index) for index in range(count)
  ]


def value_of(query):
  """The plainest reading of the task, by Python's own arithmetic."""
  text = "0"
  for term in query.split():
    if term != ".":
      text = f"({text}) {term[0]} {term[1]}"
  return eval(text) % 10


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


def test_the_first_comparisons_stay_what_they_are():
  found = [
    (row.uid, row.query, row.responses, row.label, row.subset)
    for row in drawn(config.Data(max_terms=5), 0, "train", 3)
  ]
  assert found == GOLDEN


@pytest.mark.parametrize(
  ("task", "seed", "split"),
  [
    (TASK, 1, "train"),
    (dataclasses.replace(TASK, max_terms=7), 0, "train"),
    (TASK, 0, "test"),
  ],
)
def test_another_seed_width_or_split_is_another_stream(task, seed, split):
  ours = [row.query.rstrip(" .") for row in drawn(TASK, 0, "train", 20)]
  theirs = [row.query.rstrip(" .") for row in drawn(task, seed, split, 20)]
  assert ours != theirs


@settings(deadline=None)
@given(
  st.sampled_from(["+", "+-", "*", "-*", "*-+"]),
  st.integers(1, 5),
  st.integers(0, 9),
  st.integers(),
  st.sampled_from(["train", "test"]),
  st.integers(0, 10**9),
)
def test_label_is_right_and_form_is_kept(
  operators, low, extra, seed, split, index
):
  task = config.Data(operators=operators, min_terms=low, max_terms=low + extra)
  row = arithmetic.comparison(task, seed, split, index)
  pieces = row.query.split(" ")
  terms = [piece for piece in pieces if piece != "."]
  assert row.uid == f"arithmetic-{split}-{seed}-{index:06d}"
  assert len(pieces) == task.max_terms
  assert pieces[len(terms) :] == ["."] * (task.max_terms - len(terms))
  assert low <= len(terms) <= low + extra
  assert arithmetic.num_terms(row) == len(terms)
  assert row.subset == f"{len(terms):02d} terms"
  assert re.fullmatch(r"\+[0-9]", terms[0])
  assert {term[0] for term in terms[1:]} <= set(operators)
  assert all(re.fullmatch(r"[+-][0-9]|\*[2-9]", term) for term in terms)
  assert row.responses[row.label - 1] == str(value_of(row.query))
  assert row.responses[0] != row.responses[1]
  assert all(re.fullmatch("[0-9]", response) for response in row.responses)
  assert arithmetic.comparison(task, seed, split, index) == row


def test_draws_have_the_stated_chances():
  rows = drawn(config.Data(max_terms=10), 3, "train", 3000)
  later = collections.Counter(
    term[0] for row in rows for term in row.query.split()[1:] if term != "."
  )
  total = later.total()  # about 13,500: four standard errors are .017
  assert abs(later["+"] / total - 0.45) < 0.018
  assert abs(later["-"] / total - 0.30) < 0.018
  assert abs(later["*"] / total - 0.25) < 0.018
  lengths = collections.Counter(arithmetic.num_terms(row) for row in rows)
  assert all(abs(lengths[n] - 300) < 4 * 300**0.5 for n in range(1, 11))
  assert abs(sum(row.label == 1 for row in rows) - 1500) < 4 * 750**0.5


def test_restricted_operators_keep_their_proportion():
  rows = drawn(config.Data(operators="+-", max_terms=10), 3, "train", 1000)
  later = collections.Counter(
    term[0] for row in rows for term in row.query.split()[1:] if term != "."
  )
  assert abs(later["+"] / later.total() - 0.6) < 0.03


def test_wrong_answers_are_where_one_slip_leads():
  # After "*5" only the parity of what came before is left: a slip before it
  # leads to 0 or 5, a slip at it anywhere.
  task = config.Data(operators="*", min_terms=2, max_terms=2)
  wrong = collections.Counter()
  for row in drawn(task, 0, "train", 8000):
    if row.query.endswith("*5"):
      wrong[row.responses[2 - row.label] in "05"] += 1
  # A slip is at "*5" with chance 1/2 and then 1/9 to the other of 0 and 5;
  # else before it, with chance 5/9 to change the parity and 4/9 to be redrawn.
  # Odds 1/2 * 8/9 = 8/18 against 1/2 * 1/9 + 1/2 * 5/9 = 6/18.
  share = wrong[True] / wrong.total()
  assert wrong.total() > 800
  assert abs(share - 6 / 14) < 0.07


def asked(row):
  return row.query.rstrip(" ."), frozenset(row.responses)


@pytest.mark.parametrize("operators", ["+-*", "+", "*"])
def test_beyond_one_term_splits_share_no_query_with_its_answers(operators):
  narrow = config.Data(operators=operators, max_terms=4)
  wide = config.Data(operators=operators, max_terms=6)
  train = [asked(row) for row in drawn(narrow, 0, "train", 3000)]
  test = [asked(row) for row in drawn(wide, 1, "test", 1500)]
  shared = {query for query, _ in set(train) & set(test)}
  assert {len(query.split()) for query in shared} == {1}
  # Of three terms or more, the splits do not even share a query.
  long_train, long_test = (
    {query for query, _ in rows if len(query.split()) > 2}
    for rows in (train, test)
  )
  assert long_train and long_test
  assert not long_train & long_test


def test_each_query_of_two_terms_is_in_both_splits():
  short = [
    [f"+{a}", f"{op}{b}"]
    for a in range(10)
    for op in "+-*"
    for b in range(2 if op == "*" else 0, 10)
  ]
  assert len(short) == 280
  for terms in short:
    right = value_of(" ".join(terms))
    splits = [
      arithmetic.split_of(terms, wrong) for wrong in range(10) if wrong != right
    ]
    assert 1 <= splits.count("test") <= 3


def test_a_quarter_of_long_queries_is_held_out_with_all_answers():
  queries = [
    [f"+{a}", f"-{b}", f"*{c}"]
    for a in range(10)
    for b in range(10)
    for c in range(2, 10)
  ]
  splits = [
    {arithmetic.split_of(terms, wrong) for wrong in range(10)}
    for terms in queries
  ]
  assert all(len(both) == 1 for both in splits)
  assert abs(splits.count({"test"}) / 800 - 0.25) < 0.06


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"operators": ""}, r"data.operators='' must name"),
    ({"operators": "+/"}, r"data.operators='\+/' must name"),
    ({"operators": "++"}, r"data.operators='\+\+' must name"),
    ({"min_terms": 0}, r"data.min_terms=0 and"),
    ({"min_terms": 15}, r"data.min_terms=15 and data.max_terms=14"),
  ],
)
def test_senseless_tasks_are_refused(change, message):
  with pytest.raises(ValueError, match=message):
    arithmetic.comparison(config.Data(**change), 0, "train", 0)


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
