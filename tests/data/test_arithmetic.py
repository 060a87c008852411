"""The built-in task, against expressions worked by hand."""

import collections
import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.data import arithmetic

TASK = config.Data(max_terms=6)

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
