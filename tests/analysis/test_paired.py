"""Two judges on the same comparisons."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.analysis import paired

from .judged import ballots, comparison, judgement


def judged(*right):
  return [judgement(f"{i}", 1 if ok else 2) for i, ok in enumerate(right)]


def exact(gaps):
  """The share of all signs with a mean as far from 0."""
  sums = [
    abs(np.dot(signs, gaps))
    for signs in itertools.product((-1, 1), repeat=len(gaps))
  ]
  return np.mean(np.array(sums) >= abs(sum(gaps)) - 1e-9)


def test_golden():
  known = [comparison(f"{i}", 1, "ab"[i % 2]) for i in range(6)]
  first = judged(1, 0, 0, 0, 0, 1)
  second = judged(0, 1, 1, 1, 0, 1)
  found = paired.compare(first, second, known)
  assert (found["comparisons"], found["unpaired"]) == (6, 0)
  assert found["first"]["accuracy"] == 0.3333
  assert found["second"]["accuracy"] == 0.6667
  assert found["difference"] == 0.3333
  assert found["low"] < 0 < found["high"]
  # Signs of -1, 1, 1, 1: a sum of 2 or more in absolute value, 10 of 16.
  assert found["p"] == pytest.approx(10 / 16, abs=0.015)
  # One of four alone: 2 (1 + 4) / 16.
  assert found["mcnemar"] == {
    "both_right": 1,
    "only_first": 1,
    "only_second": 3,
    "both_wrong": 1,
    "undecided": 0,
    "p": 0.625,
  }
  assert [
    (row["subset"], row["difference"], row["comparisons"])
    for row in found["subsets"]
  ] == [("a", 0.0, 3), ("b", 0.6667, 3)]
  assert json.loads(json.dumps(found)) == found


def test_those_of_one_query_have_one_sign():
  """Five pairs each of three queries: all that is better is one query."""
  known = [
    dataclasses.replace(
      comparison(f"{query}/{n}"), conversation=comparison(query).conversation
    )
    for query in "abc"
    for n in range(5)
  ]
  winners = {"a": (2, 1), "b": (1, 1), "c": (2, 2)}
  one, other = (
    [judgement(c.uid, winners[c.uid[0]][judge]) for c in known]
    for judge in (0, 1)
  )
  found = paired.compare(one, other, known)
  assert (found["comparisons"], found["queries"]) == (15, 3)
  assert found["p"] == found["subsets"][0]["p"] == 1.0
  assert (found["low"], found["high"]) == (0.0, 1.0)
  assert found["mcnemar"]["p"] == 0.0625


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([-1, -0.5, 0, 0.5, 1]), min_size=1, max_size=9))
def test_p_is_that_of_all_signs(gaps):
  found = paired.difference(np.array(gaps, np.float64))
  assert found["p"] == pytest.approx(exact(gaps), abs=0.02)
  assert found["difference"] == pytest.approx(np.mean(gaps), abs=5.1e-5)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=12))
def test_the_same_judge_is_never_better(points):
  gaps = np.zeros(len(points))
  assert paired.difference(gaps)["p"] == 1.0
  assert paired.mcnemar(points, points)["p"] == 1.0


def test_swapping_the_judges_turns_the_sign():
  known = [comparison(f"{i}") for i in range(8)]
  first, second = judged(1, 1, 1, 1, 1, 0, 1, 1), judged(0, 0, 0, 0, 1, 0, 0, 1)
  there = paired.compare(first, second, known)
  back = paired.compare(second, first, known)
  assert there["difference"] == -back["difference"] < 0
  assert there["p"] == back["p"]
  assert there["mcnemar"]["p"] == back["mcnemar"]["p"] == 0.0625


def test_comparisons_are_the_unit():
  """A hundred votes on four comparisons are four."""
  known = [comparison(f"{i}") for i in range(4)]
  first = [b for c in known for b in ballots(c.uid, [2] * 25)]
  second = [b for c in known for b in ballots(c.uid, [1] * 25)]
  found = paired.compare(first, second, known)
  assert found["p"] == pytest.approx(2 / 16, abs=0.01)
  assert found["mcnemar"]["p"] == 0.125


def test_what_only_one_judged_is_counted():
  known = [comparison("0"), comparison("1"), comparison("2", None)]
  first = judged(1, 1)
  second = [judgement("1"), judgement("2")]
  found = paired.compare(first, second, known)
  assert (found["comparisons"], found["unpaired"]) == (1, 2)
  with pytest.raises(ValueError, match="share no labelled comparison"):
    paired.compare(first[:1], second, known)


def test_undecided():
  known = [comparison("0"), comparison("1")]
  first = ballots("0", [1, 2]) + ballots("1", [1, None])
  second = ballots("0", [1, 1]) + ballots("1", [None, None])
  cells = paired.compare(first, second, known)["mcnemar"]
  assert cells["undecided"] == 2
