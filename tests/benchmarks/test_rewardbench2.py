import numpy as np
import pytest

from rrm_jax.benchmarks import rewardbench2
from rrm_jax.benchmarks.outcomes import Value, whole_groups
from rrm_jax.benchmarks.score import Interval, Score
from tests.benchmarks.test_score import assert_same_interval


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
  assert rewardbench2.ties(rated).mean == pytest.approx(1.01)


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
  clearly = (-0.46211715726 - 0.82320064559) / 2
  assert rewardbench2.ties(rated).mean == pytest.approx(
    0.15 + 0.3 + 0.1 + 0 + 0.01 * clearly, abs=1e-8
  )
  # Prompts without a sibling count among those of their kind: 2/3 each.
  alone = {"ref:3": ((0, 1), 1), "tied:4": ((2, 2, 1), 2)}
  assert rewardbench2.ties(rated | alone).mean == pytest.approx(
    0.2 + 0.2 + 0.1 + 0 + 0.01 * clearly, abs=1e-8
  )


def random_ties(rng, numbers=51):
  """Ratings of prompts with two right and two wrong answers, and siblings."""
  rated = {}
  for number in range(numbers):
    rated[f"tied:{number}"] = (
      [*rng.normal(2, 0.6, 2), *rng.normal(0, 0.6, 2)],
      2,
    )
    rated[f"ref:{number}"] = ([*rng.normal(2, 1, 1), *rng.normal(0, 1, 3)], 1)
  return rated


def published_ties(tied, ref):
  """The published formula, for each row of numbers anew.

  Args:
    tied: Ratings, (resamples, numbers, 4), two right ones first.
    ref: Ratings, (resamples, numbers, 4), one right one first.
  """
  spread = np.abs(tied[..., 0] - tied[..., 1])
  above = tied[..., :2].min(-1) - tied[..., 2:].max(-1)
  other = ref[..., 0] - ref[..., 1:].max(-1)
  return (
    0.3 * (above > 0).mean(-1)
    + 0.3 * (other > 0).mean(-1)
    + 0.2 * (above > spread).mean(-1)
    + 0.2 * (np.minimum(above, other) > spread).mean(-1)
    + 0.01 * np.tanh(np.minimum(above, other) / spread - 1).mean(-1)
  )


def test_the_interval_of_ties_is_that_of_numbers_drawn_anew():
  rng = np.random.default_rng(0)
  rated = random_ties(rng)
  tied, ref = (
    np.array([one for name, (one, _) in rated.items() if name.startswith(kind)])
    for kind in ("tied", "ref")
  )
  stratum = rewardbench2.ties(rated)
  assert stratum.mean == pytest.approx(published_ties(tied, ref))
  drawn = rng.integers(len(tied), size=(20_000, len(tied)))
  brute = published_ties(tied[drawn], ref[drawn])
  assert_same_interval(Score(stratum.mean, {}, (stratum,)).interval(), brute)


def test_the_interval_of_the_overall_score_has_ties_in_it():
  rng = np.random.default_rng(1)
  rated = random_ties(rng)
  values = [
    Value(f"{name}-{place}", name, float(rng.random() < 0.7))
    for name in rewardbench2.SUBSETS[:5]
    for place in range(40)
  ]
  found = rewardbench2.of_ratings(values, rated).as_dict()
  ties = rewardbench2.ties(rated)
  assert found["counted"] == 5 * 40 + 2 * 51
  names = [row["name"] for row in found["parts"]]
  assert tuple(names) == rewardbench2.SUBSETS
  points = np.array([value.points for value in values]).reshape(5, 40)
  drawn = rng.integers(40, size=(20_000, 5, 40))
  means = np.take_along_axis(points[None], drawn, axis=-1).mean(-1)
  worth = ties.clusters[rng.integers(51, size=(20_000, 51))].mean(-1)
  brute = (means.sum(-1) + worth) / 6
  assert found["overall"] == pytest.approx(
    (points.mean(-1).sum() + ties.mean) / 6, abs=1e-4
  )
  assert_same_interval(Interval(found["low"], found["high"]), brute)


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
