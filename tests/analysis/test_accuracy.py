import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.analysis import bias
from rrm_jax.analysis.accuracy import summary
from rrm_jax.records import Finish, Invalid

from .judged import ballots, comparison, judgement

KNOWN = [
  comparison("a", 1, "2 terms"),
  comparison("b", 2, "10 terms"),
  comparison("c", None, "10 terms"),
  comparison("unjudged", 1, "3 terms"),
]
JUDGED = [
  judgement("a", 1, 0, thinking=4),
  judgement("a", 2, 0, swapped=True, thinking=6),
  judgement(
    "a", None, 1, invalid=Invalid.TRUNCATED, finish=Finish.LENGTH, thinking=20
  ),
  judgement("a", 1, 1, swapped=True, thinking=6),
  judgement("b", 2, 0, thinking=10, finish=Finish.BUDGET),
  judgement("b", 2, 0, swapped=True, thinking=12),
  judgement("c", 1, 0, thinking=30),
]


def test_golden():
  # a: 1, 0, .5, 1 -> .625; b: 1, 1 -> 1; c has no label.
  # Shown first: a yes, a (2, swapped) yes, a (1, swapped) no, b no, b (2,
  # swapped) yes, c yes -> 2/3, 1/2, 1.
  # Pairs: a sample 0 flips, a sample 1 has one verdict, b agrees -> 1 of 2.
  # Two comparisons: a resample's mean is .625, .8125 or 1.
  assert summary(JUDGED, KNOWN) == {
    "accuracy": 0.8125,
    "low": 0.625,
    "high": 1.0,
    "judgements": 7,
    "comparisons": 3,
    "unlabelled": 1,
    "invalid_rate": 0.1429,
    "invalid": {
      "no closing tag": 0,
      "no box": 0,
      "wrong content": 0,
      "truncated": 1,
      "no winner": 0,
    },
    "finish": {"stopped": 5, "budget": 1, "length": 1},
    "thinking_tokens": 12.5714,
    "completion_tokens": 14.5714,
    "first_rate": 0.7222,
    "flip_rate": 0.5,
    "pairs": 2,
    "subsets": [
      {
        "subset": "2 terms",
        "accuracy": 0.625,
        "low": 0.625,
        "high": 0.625,
        "comparisons": 1,
        "unlabelled": 0,
        "thinking_tokens": 9.0,
      },
      {
        "subset": "10 terms",
        "accuracy": 1.0,
        "low": 1.0,
        "high": 1.0,
        "comparisons": 2,
        "unlabelled": 1,
        "thinking_tokens": 17.3333,
      },
    ],
  }


def test_is_json():
  found = summary(JUDGED, KNOWN)
  assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_without_labels_or_verdicts():
  known = {"a": comparison("a", None)}
  found = summary([judgement("a", None)], known)
  assert found["accuracy"] is None
  assert found["low"] is None
  assert found["unlabelled"] == 1
  assert found["invalid_rate"] == 1.0
  assert found["first_rate"] is None
  assert found["flip_rate"] is None
  assert found["pairs"] == 0
  assert found["subsets"][0]["accuracy"] is None


@pytest.mark.parametrize("winner", [1, 2])
def test_position_bias_shows_as_first_rate_and_flips(winner):
  """A judge which always picks one place flips on every pair."""
  known = [comparison(uid) for uid in "abc"]
  judged = [
    judgement(c.uid, 3 - winner if swapped else winner, swapped=swapped)
    for c in known
    for swapped in (False, True)
  ]
  found = summary(judged, known)
  assert found["first_rate"] == (1.0 if winner == 1 else 0.0)
  assert found["flip_rate"] == 1.0
  assert found["accuracy"] == 0.5


def test_rates_count_each_comparison_once():
  """Nine pairs on one, one on the other, which alone flips."""
  known = [comparison("a"), comparison("b")]
  judged = [
    judgement("a", 1, vote, swapped=swapped)
    for vote in range(9)
    for swapped in (False, True)
  ]
  judged += [judgement("b", 1), judgement("b", 2, swapped=True)]
  found = summary(judged, known)
  assert (found["flip_rate"], found["pairs"]) == (0.5, 10)
  assert found["first_rate"] == 0.75
  rates = bias.rates(judged, known)
  assert found["flip_rate"] == rates[0]["flips"]["rate"]


def test_flips_pair_the_same_sample_only():
  known = [comparison("a")]
  judged = [judgement("a", 1, 0), judgement("a", 2, 1, swapped=True)]
  assert summary(judged, known)["flip_rate"] is None


def test_interval_is_clustered_by_comparison():
  """More votes on the same comparisons make it no narrower."""
  known = [comparison(f"{i}", 1 + i % 2) for i in range(40)]
  once = summary([judgement(c.uid, 1) for c in known], known)
  many = summary([j for c in known for j in ballots(c.uid, [1] * 20)], known)
  assert (once["low"], once["high"]) == (many["low"], many["high"])
  assert once["high"] - once["low"] > 0.25


def test_interval_is_clustered_by_query_where_it_is_known():
  alone = [comparison(f"{i}") for i in range(40)]
  shared = [
    dataclasses.replace(one, conversation=alone[i // 5].conversation)
    for i, one in enumerate(alone)
  ]
  unknown = [dataclasses.replace(one, conversation=()) for one in alone]
  judged = [judgement(f"{i}", 1 if i < 30 else 2) for i in range(40)]
  one, other, none = (
    summary(judged, known) for known in (alone, shared, unknown)
  )
  assert other["accuracy"] == one["accuracy"] == 0.75
  assert other["high"] - other["low"] > 1.5 * (one["high"] - one["low"])
  assert none == one


@pytest.mark.parametrize("invalid", [-0.1, 1.5])
def test_worth_of_invalid_is_checked(invalid):
  with pytest.raises(ValueError, match=f"invalid={invalid}"):
    summary(JUDGED, KNOWN, invalid=invalid)


def test_unknown_uid():
  with pytest.raises(ValueError, match="'zz'"):
    summary([judgement("zz")], KNOWN)


@settings(deadline=None)
@given(
  st.lists(st.sampled_from([1, 2, None]), min_size=1, max_size=20),
  st.floats(0, 1),
)
def test_worth_of_invalid_moves_accuracy_by_its_share(winners, worth):
  known = [comparison("a")]
  zero = summary(ballots("a", winners), known, invalid=0.0)
  some = summary(ballots("a", winners), known, invalid=worth)
  share = winners.count(None) / len(winners)
  assert some["accuracy"] - zero["accuracy"] == pytest.approx(
    worth * share, abs=1.1e-4
  )
  assert some["invalid_rate"] == pytest.approx(share, abs=1e-4)
  assert sum(some["invalid"].values()) == winners.count(None)
  assert sum(some["finish"].values()) == len(winners)
