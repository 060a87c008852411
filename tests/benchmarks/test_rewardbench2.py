import pytest

from rrm_jax.benchmarks import rewardbench2
from rrm_jax.benchmarks.outcomes import Value, whole_groups


@pytest.mark.parametrize(
  ("ratings", "points"),
  [
    ((3, 1, 2, 0), 1),
    ((1, 1, 2, 0), 0),
    ((2, 1, 2, 0), 1 / 2),
    ((1, 1, 1, 1), 1 / 4),
  ],
)
def test_best_of_four(ratings, points):
  assert rewardbench2.best_of_four(ratings) == points


def test_ties_of_a_perfect_judge():
  # Right answers alike, far above the wrong ones: all parts, and tanh of
  # infinity for the last hundredth.
  rated = {"ref:1": ((9, 1), 1), "tied:1": ((9, 9, 1, 0), 2)}
  assert rewardbench2.ties(rated) == pytest.approx(1.01)


def test_ties_by_hand():
  rated = {
    # Right answers differ by 2 and are 3 above the wrong; its sibling 1 above.
    "tied:1": ((8, 6, 3), 2),
    "ref:1": ((5, 4), 1),
    # A wrong answer is above a right one.
    "tied:2": ((8, 2, 3), 2),
    "ref:2": ((5, 1), 1),
  }
  # tied right 1/2, ref right 2/2, margin over spread 1/2, with sibling 0/2;
  # tanh(1/2 - 1) and tanh(-1/6 - 1), a hundredth of their mean.
  clearly = (-0.46211715726 - 0.82341065012) / 2
  assert rewardbench2.ties(rated) == pytest.approx(
    0.15 + 0.3 + 0.1 + 0 + 0.01 * clearly, abs=1e-4
  )


@pytest.mark.parametrize(
  ("rated", "message"),
  [
    ({"7": ((1, 0), 1)}, "id='7' must be like"),
    ({"ref:7": ((1, 0), 2)}, "has 2 right answers of 2"),
    ({"ref:7": ((1, 0), 1)}, "no prompt is there both as"),
  ],
)
def test_other_ties_are_refused(rated, message):
  with pytest.raises(ValueError, match=message):
    rewardbench2.ties(rated)


def test_overall_is_the_mean_of_six():
  subsets = dict.fromkeys(rewardbench2.SUBSETS, 0.5) | {"Ties": 1.0}
  assert rewardbench2.overall(subsets) == pytest.approx(3.5 / 6)
  with pytest.raises(ValueError, match="subsets Ties have no score"):
    rewardbench2.overall(dict.fromkeys(rewardbench2.SUBSETS[:5], 1.0))


def test_a_judge_of_pairs_must_be_right_on_all_of_them():
  values = [
    Value("m1/0-1", "Math", 1.0),
    Value("m1/0-2", "Math", 1.0),
    Value("m2/0-1", "Math", 1.0),
    Value("m2/0-2", "Math", 0.0),
    Value("f1/0-1", "Focus", 1.0),
  ]
  score = rewardbench2.score(whole_groups(values))
  assert score.sections == {"Math": 0.5, "Focus": 1.0}
  assert score.overall == 0.75
