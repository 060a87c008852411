"""Votes that agree, and votes that are right."""

import json

import pytest

from rrm_jax.analysis import calibration

from .judged import ballots, comparison


def test_golden():
  known = [comparison(uid) for uid in "abcdef"]
  judged = [
    *ballots("a", [1, 1, 1, 1]),
    *ballots("b", [1, 1, 1, 2]),
    *ballots("c", [2, 2, 2, 1]),
    *ballots("d", [1, 2, None]),
    *ballots("e", [1, None]),
    *ballots("f", [2, 2]),
  ]
  found = calibration.vote_share(judged, known)
  assert [
    (row["confidence"], row["accuracy"], row["comparisons"])
    for row in found["bands"]
  ] == [(0.5, 0.5, 1), (0.75, 0.5, 2), (1.0, 0.5, 2)]
  # Distances 0, 1/4 twice and 1/2 twice.
  assert found["error"] == 0.3
  # Squares of 0, 1/4, 3/4, 1/2 and 1.
  assert found["brier"] == pytest.approx((1 / 16 + 9 / 16 + 1 / 4 + 1) / 5)
  assert json.loads(json.dumps(found)) == found


def test_a_calibrated_judge():
  """Right in four votes of five, and in four majorities of five."""
  known = [comparison(f"{i}") for i in range(5)]
  judged = [
    b
    for i in range(5)
    for b in ballots(f"{i}", [1, 1, 1, 1, 2] if i else [2, 2, 2, 2, 1])
  ]
  assert calibration.vote_share(judged, known)["error"] == 0.0


def test_one_vote_tells_nothing():
  judged = [*ballots("a", [1]), *ballots("b", [1, 1])]
  known = [comparison("a"), comparison("b", None)]
  assert calibration.vote_share(judged, known) == {
    "bands": [],
    "error": None,
    "brier": None,
  }
