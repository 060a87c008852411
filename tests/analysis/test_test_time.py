import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.analysis import test_time
from rrm_jax.analysis.accuracy import summary

from .judged import ballots, comparison, judgement

winner_lists = st.lists(
  st.lists(st.sampled_from([1, 2, None]), min_size=1, max_size=8),
  min_size=1,
  max_size=4,
)


def enumerated(winners, label, k):
  """The mean score over all subsets of k, one by one."""
  scores = []
  for votes in itertools.combinations(winners, k):
    right, wrong = votes.count(label), votes.count(3 - label)
    scores.append((np.sign(right - wrong) + 1) / 2)
  return np.mean(scores)


def data(lists):
  known = [comparison(f"{i}", 1 + i % 2) for i in range(len(lists))]
  judged = [
    j
    for c, winners in zip(known, lists, strict=True)
    for j in ballots(c.uid, winners)
  ]
  return judged, known


def test_majority_golden():
  # 2 right, 1 wrong: any 2 are right-right (1 of 3) or a tie (2 of 3).
  assert test_time.majority(2, 1, 0, 1) == pytest.approx(2 / 3)
  assert test_time.majority(2, 1, 0, 2) == pytest.approx(2 / 3)
  assert test_time.majority(2, 1, 0, 3) == 1.0
  # 1 right, 2 invalid: it is among 2 of 3 with chance 2/3, else no verdict.
  assert test_time.majority(1, 0, 2, 2) == pytest.approx(2 / 3 + 0.5 / 3)
  assert test_time.majority(0, 0, 3, 2) == 0.5
  assert test_time.majority(0, 4, 3, 7) == 0.0


def test_many_votes_stay_exact():
  assert test_time.majority(500, 500, 0, 501) == 0.5
  assert test_time.majority(600, 400, 24, 1) == (600 + 12) / 1024


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, 2, None]), min_size=1, max_size=9))
def test_equals_enumeration(winners):
  known = [comparison("a", 2)]
  ks = range(1, len(winners) + 1)
  for row in test_time.votes(ballots("a", winners), known, ks):
    expected = enumerated(winners, 2, row["k"])
    assert row["accuracy"] == pytest.approx(expected, abs=5.1e-5)


@settings(deadline=None)
@given(winner_lists)
def test_one_vote_is_the_accuracy(lists):
  judged, known = data(lists)
  one = test_time.votes(judged, known, [1])[0]
  whole = summary(judged, known, invalid=0.5)
  for name in ("accuracy", "low", "high"):
    assert one[name] == pytest.approx(whole[name], abs=1.1e-4)


@settings(deadline=None)
@given(st.integers(1, 6), st.data())
def test_all_votes_are_the_majority(m, draw):
  winners = st.lists(st.sampled_from([1, 2, None]), min_size=m, max_size=m)
  lists = draw.draw(st.lists(winners, min_size=1, max_size=4))
  judged, known = data(lists)
  expected = [
    (np.sign(w.count(c.label) - w.count(3 - c.label)) + 1) / 2
    for w, c in zip(lists, known, strict=True)
  ]
  row = test_time.votes(judged, known, [m])[0]
  assert row["accuracy"] == pytest.approx(np.mean(expected), abs=5.1e-5)


@settings(deadline=None)
@given(winner_lists)
def test_order_and_swaps_of_votes_do_not_matter(lists):
  judged, known = data(lists)
  mirrored = [
    judgement(j.uid, j.verdict.winner, j.sample_id, swapped=True)
    for j in reversed(judged)
  ]
  assert test_time.votes(mirrored, known, [1]) == test_time.votes(
    judged, known, [1]
  )


def test_odd_votes_help_a_judge_above_chance():
  judged, known = data([[1] * 9 + [2] * 6, [2] * 8 + [1] * 7])
  rows = test_time.votes(judged, known, [1, 3, 5, 9, 15])
  accuracies = [row["accuracy"] for row in rows]
  assert [row["k"] for row in rows] == [1, 3, 5, 9, 15]
  assert accuracies == sorted(accuracies)
  assert accuracies[0] == pytest.approx((9 + 8) / 30, abs=1e-4)
  assert accuracies[-1] == 1.0
  assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize("k", [0, 3])
def test_too_many_votes_names_the_comparison(k):
  known = [comparison("a"), comparison("b")]
  judged = ballots("a", [1, 1, 1, 1]) + ballots("b", [1, 2])
  message = f"k={k} votes asked of uid '[ab]', which has [42] judgements"
  with pytest.raises(ValueError, match=message):
    test_time.votes(judged, known, [1, k])


def test_votes_leave_out_what_has_no_label():
  known = [comparison("a"), comparison("b", None)]
  judged = ballots("a", [1, 1, 2]) + ballots("b", [2])
  rows = test_time.votes(judged, known, [3])
  assert rows == [{"k": 3, "accuracy": 1.0, "low": 1.0, "high": 1.0}]


def terms(count):
  return [comparison(f"{n}", 1, f"{n:02d} terms") for n in range(1, count + 1)]


def test_budget_curve_golden():
  """Right exactly on what the budget is enough for, else without verdict."""
  known = terms(6)
  runs = {
    budget: [
      judgement(c.uid, 1 if int(c.uid) <= budget else None, thinking=budget)
      for c in known
    ]
    for budget in (4, 2)
  }
  curve = test_time.budget_curve(runs, known)
  assert [row["budget"] for row in curve] == [2, 4]
  assert [row["thinking_tokens"] for row in curve] == [2.0, 4.0]
  assert [row["accuracy"] for row in curve] == [0.6667, 0.8333]
  assert [group["accuracy"] for group in curve[0]["groups"]] == [1, 0.5, 0.5]
  assert [group["accuracy"] for group in curve[1]["groups"]] == [1, 1, 0.5]
  by_group = test_time.split_groups(curve)
  assert list(by_group) == ["1-2 terms", "3-4 terms", "5-6 terms"]
  assert by_group["3-4 terms"] == [
    {
      "budget": budget,
      "group": "3-4 terms",
      "accuracy": accuracy,
      "low": accuracy,
      "high": accuracy,
      "comparisons": 2,
    }
    for budget, accuracy in ((2, 0.5), (4, 1.0))
  ]
  zero = test_time.budget_curve(runs, known, invalid=0.0)
  assert [row["accuracy"] for row in zero] == [0.3333, 0.6667]
  assert json.loads(json.dumps(curve)) == curve


def test_budget_curve_wants_the_same_comparisons():
  known = terms(3)
  runs = {
    8: [judgement("1"), judgement("2")],
    16: [judgement("1"), judgement("2"), judgement("3")],
  }
  with pytest.raises(ValueError, match=r"budget 16 and budget 8.*'3'"):
    test_time.budget_curve(runs, known)


def test_length_follows_difficulty_exactly():
  known = terms(5)
  judged = [judgement(c.uid, thinking=int(c.uid) + 6) for c in known]
  found = test_time.length_by_subset(judged, known)
  assert found["spearman"] == 1.0
  assert found["pearson"] == 1.0
  assert found["subsets"][1] == {
    "subset": "02 terms",
    "difficulty": 2,
    "thinking_tokens": 8.0,
    "low": 8.0,
    "high": 8.0,
    "comparisons": 1,
  }
  assert json.loads(json.dumps(found)) == found


def test_correlations_golden():
  # Difficulty 1, 2, 3 with tokens 1, 4, 2: ranks 1, 3, 2 give 1 - 6*2/24.
  # Deviations -1, 0, 1 and -4/3, 5/3, -1/3: 1 / sqrt(2 * 42/9).
  known = terms(3)
  judged = [
    judgement(c.uid, thinking=t) for c, t in zip(known, (1, 4, 2), strict=True)
  ]
  found = test_time.length_by_subset(judged, known)
  assert found["spearman"] == 0.5
  assert found["pearson"] == pytest.approx(1 / np.sqrt(84 / 9), abs=5.1e-5)


@pytest.mark.parametrize(
  "known",
  [
    [comparison("1", 1, "Chat"), comparison("2", 1, "Safety")],
    [comparison("1", 1, "3 terms"), comparison("2", 1, "3 terms")],
  ],
)
def test_no_correlation_without_an_order(known):
  judged = [judgement(c.uid, thinking=int(c.uid)) for c in known]
  found = test_time.length_by_subset(judged, known)
  assert found["spearman"] is None
  assert found["pearson"] is None
  assert found["subsets"][0]["thinking_tokens"] in (1.0, 1.5)


def test_no_correlation_of_constant_length():
  found = test_time.length_by_subset([judgement("1"), judgement("2")], terms(2))
  assert found["spearman"] is None
