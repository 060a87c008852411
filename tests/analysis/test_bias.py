"""What moves a judge though it should not."""

import dataclasses
import json

import pytest

from rrm_jax.analysis import bias
from rrm_jax.analysis.accuracy import summary

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
  assert found["first_is_right"] == 0.3333
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


def sized(uid, first, second, label):
  return dataclasses.replace(
    comparison(uid, label), responses=("x" * first, "y" * second)
  )


def test_length_golden():
  known = [
    sized("a", 10, 12, 1),  # 1.2: the shorter is right
    sized("b", 12, 10, 1),  # 1.2: the longer is right
    sized("c", 50, 10, 2),  # 5: the shorter is right
    sized("d", 10, 10, 1),
    sized("e", 0, 10, None),
  ]
  judged = [
    judgement("a", 2),
    judgement("b", 1),
    judgement("c", 1),
    judgement("c", 2, swapped=True),
    judgement("d", 1),
    judgement("e", 2),
  ]
  found = bias.length(judged, known)
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


def test_length_needs_the_responses():
  known = [sized("a", 0, 0, 1)]
  with pytest.raises(ValueError, match="responses are not known"):
    bias.length([judgement("a")], known)


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
