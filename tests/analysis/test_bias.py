"""What moves a judge though it should not."""

import dataclasses
import json

import pytest

from rrm_jax.analysis import bias
from rrm_jax.analysis.accuracy import summary
from rrm_jax.records import Verdict

from .judged import comparison, judgement


def test_position_golden():
  """Always for the first: right where the right one is first."""
  known = [comparison("a", 1, "x"), comparison("b", 2, "x")]
  judged = [
    judgement("a", 1),
    judgement("a", 2, swapped=True),
    judgement("b", 1),
    judgement("b", None, swapped=True),
  ]
  found = bias.position(judged, known)
  assert found["first_rate"] == found["low"] == found["high"] == 1.0
  right = [
    dataclasses.replace(j, verdict=Verdict(1 if j.uid == "a" else 2))
    for j in judged[:3]
  ]
  ideal = bias.position(right, known)
  assert found["first_is_right"] == ideal["first_rate"] == 0.25
  assert found["right_first"]["accuracy"] == 1.0
  assert found["right_second"]["accuracy"] == 0.0
  assert found["subsets"] == [
    {"subset": "x", "first_rate": 1.0, "low": 1.0, "high": 1.0}
  ]
  assert found["first_rate"] == summary(judged, known)["first_rate"]
  assert json.loads(json.dumps(found)) == found


def test_no_verdict_no_position():
  found = bias.position([judgement("a", None)], [comparison("a", None)])
  assert found["first_rate"] is None and found["first_is_right"] is None
  assert found["right_first"]["accuracy"] is None


def test_length_golden():
  known = [
    *(comparison("abcd"[i], label) for i, label in enumerate((1, 1, 2, 1))),
    comparison("e", None),
  ]
  lengths = {
    "a": (10, 12),  # 1.2: the shorter is right
    "b": (12, 10),  # 1.2: the longer is right
    "c": (50, 10),  # 5: the shorter is right
    "d": (10, 10),
    "e": (0, 10),
    "not judged": (1, 2),
  }
  judged = [
    judgement("a", 2),
    judgement("b", 1),
    judgement("c", 1),
    judgement("c", 2, swapped=True),
    judgement("d", 1),
    judgement("e", 2),
    judgement("e", None, 1),
  ]
  found = bias.length(judged, known, lengths)
  assert found["longer_rate"] == 0.875  # 1, 1, a half, 1
  assert found["longer_is_right"] == 0.3333
  near, far = found["ratios"]
  assert near["ratio"] == "1.1-1.25"
  assert near["longer_right"]["accuracy"] == 1.0
  assert near["shorter_right"]["accuracy"] == 0.0
  assert far["ratio"] == "4+"
  assert far["longer_right"] == {
    "accuracy": None,
    "low": None,
    "high": None,
    "comparisons": 0,
  }
  assert far["shorter_right"]["accuracy"] == 0.5
  assert json.loads(json.dumps(found)) == found


def test_ends_of_the_bands():
  sizes = {"a": (100, 101), "b": (100, 110), "c": (200, 100), "d": (0, 3)}
  known = [comparison(uid) for uid in sizes]
  found = bias.length([judgement(uid) for uid in sizes], known, sizes)
  assert [
    (
      row["ratio"],
      row["longer_right"]["comparisons"],
      row["shorter_right"]["comparisons"],
    )
    for row in found["ratios"]
  ] == [("1-1.1", 0, 1), ("1.1-1.25", 0, 1), ("2-4", 1, 1)]


def test_no_verdict_and_no_length():
  known = [comparison("a"), comparison("b")]
  judged = [judgement("a", None), judgement("b")]
  found = bias.length(judged, known, {"a": (1, 2), "b": (2, 2)})
  assert found == {
    "longer_rate": None,
    "low": None,
    "high": None,
    "longer_is_right": None,
    "ratios": [],
  }
  with pytest.raises(ValueError, match=r"lengths of .* 'b', and of 0 more"):
    bias.length(judged, known, {"a": (1, 2)})


def test_rates_golden():
  known = [comparison("a", 1, "10 x"), comparison("b", 1, "2 x")]
  judged = [
    judgement("a", 1),
    judgement("a", 2, swapped=True),
    judgement("a", 1, 1),
    judgement("a", 1, 1, swapped=True),
    judgement("a", None, 2),
    judgement("a", 1, 2, swapped=True),
    judgement("b", 1),
  ]
  easy, hard = bias.rates(judged, known)
  assert (easy["subset"], hard["subset"]) == ("2 x", "10 x")
  assert easy["flips"]["rate"] is None
  assert easy["invalid"]["rate"] == 0.0
  assert hard["flips"]["rate"] == 0.5
  assert hard["invalid"]["rate"] == 0.1667
