"""Tournaments scored as benchmarks' authors score the best of several."""

import pytest

from rrm_jax.benchmarks import best_of, rewardbench2
from rrm_jax.benchmarks.best_of import Rated
from rrm_jax.records import Candidates, Message


def rated(uid, subset, correct, ratings, chosen=0):
  query = (Message("user", "q"),)
  texts = tuple(map(str, range(len(correct))))
  marks = tuple(map(bool, correct))
  return Rated(Candidates(uid, query, texts, marks, subset), ratings, chosen)


def test_ppe_counts_the_chosen_one():
  rows = [
    rated("ppe-math-000", "MATH", (1, 0), (0, 1), chosen=0),
    rated("ppe-math-001", "MATH", (1, 0), (0, 1), chosen=1),
    rated("ppe-gpqa-000", "GPQA", (0, 1), (0, 1), chosen=1),
  ]
  found = best_of.report("ppe/math", rows)
  assert found["sections"] == {"MATH": 0.5, "GPQA": 1.0}
  assert found["overall"] == 0.75
  assert "mean of the sets" in found["rule"]


FIVE = [
  rated(f"rewardbench2-{place:04d}-{place}", subset, (1, 0, 0, 0), (2, 0, 1, 2))
  for place, subset in enumerate(rewardbench2.SUBSETS[:5])
]
# Right answers alike, far above the wrong ones, in any place.
TIED = [
  rated("rewardbench2-0005-ref:1", "Ties", (0, 1), (1, 9)),
  rated("rewardbench2-0006-tied:1", "Ties", (1, 0, 1), (9, 1, 9)),
]


def test_rewardbench_2_by_ratings():
  found = best_of.report("rewardbench2", [*FIVE, *TIED])
  # The first place is shared by two: half a point.
  assert found["sections"] == {
    **dict.fromkeys(rewardbench2.SUBSETS[:5], 0.5),
    "Ties": 1.01,
  }
  assert found["overall"] == pytest.approx((5 * 0.5 + 1.01) / 6, abs=1e-4)
  assert [row["counted"] for row in found["parts"]] == [1] * 5 + [2]
  # With one prompt of each kind, nothing else can be drawn.
  assert found["low"] == found["overall"] == found["high"]


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    (FIVE, "subsets Ties have no score"),
    ([*FIVE, *TIED[:1]], "no prompt is there both as"),
    (TIED, "subsets Factuality, Precise IF"),
  ],
)
def test_parts_that_are_missing_are_named_before_anything_is_played(
  rows, message
):
  best_of.check("rewardbench2", [one.group for one in [*FIVE, *TIED]])
  with pytest.raises(ValueError, match=message):
    best_of.check("rewardbench2", [one.group for one in rows])
  with pytest.raises(ValueError, match=message):
    best_of.report("rewardbench2", rows)


@pytest.mark.parametrize("name", ["gsm8k", ""])
def test_others_have_no_rule(name):
  best_of.check(name, [one.group for one in FIVE])
  assert best_of.report(name, FIVE) is None
