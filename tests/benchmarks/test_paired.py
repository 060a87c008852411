"""Two runs on the same comparisons, by a benchmark's rule."""

import itertools

import numpy as np
import pytest

from rrm_jax import intervals
from rrm_jax.benchmarks import paired, protocol
from rrm_jax.benchmarks.outcomes import Outcome
from tests.benchmarks.test_protocol import PAIRS, judged


@pytest.mark.parametrize("votes", [(1, 1), (3, 1), (2, 3)])
@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_the_difference_is_that_of_the_scores(name, votes):
  winners = itertools.cycle([1, 2, 1, None, 1, 1, 2])
  one, other = (
    [
      o._replace(winner=next(winners))
      for o in judged(name, 1, 1)
      for _ in range(count)
    ]
    for count in votes
  )
  found = paired.compare(name, one, other)
  for key, which in (("published", 0), ("both_orders", None)):
    reports = [protocol.report(name, run)[key] for run in (one, other)]
    if which is not None:
      reports = [rows[which] for rows in reports]
    scores = found[key]
    assert [scores["first"], scores["second"]] == [
      {k: v for k, v in report.items() if k != "invalid_rule"}
      for report in reports
    ]
    assert scores["difference"]["overall"] == pytest.approx(
      reports[1]["overall"] - reports[0]["overall"], abs=2e-4
    )


def test_what_is_hard_for_both_does_not_blur_the_difference():
  rng = np.random.default_rng(0)
  hard, better = rng.random(500) < 0.5, rng.random(500) < 0.05
  runs = [
    [
      Outcome(f"q-{i:03d}-0-1", 1, 1 if right else 2)
      for i, right in enumerate(some)
    ]
    for some in (~hard, ~hard | better)
  ]
  found = paired.compare("gsm8k", *runs)["published"]
  widths = {key: one["high"] - one["low"] for key, one in found.items()}
  assert widths["difference"] < 0.5 * widths["first"]
  assert found["difference"]["low"] > 0
  assert paired.compare("gsm8k", *runs)["both_orders"] is None


def test_chance_makes_few_differences_of_judges_that_are_alike():
  """Five pairs of each question, right and wrong together in each judge."""
  rng = np.random.default_rng(0)
  uids = [f"q-{i:02d}-0-{j}" for i in range(30) for j in range(1, 6)]
  found, alone = [], []
  for _ in range(60):
    right = np.repeat(rng.random((2, 30)) < 0.7, 5, axis=1)
    runs = [
      [Outcome(uid, 1, 2 - one) for uid, one in zip(uids, some, strict=True)]
      for some in right.astype(int)
    ]
    gap = paired.compare("gsm8k", *runs)["published"]["difference"]
    assert gap["clusters"] == 30
    found.append(gap["p"])
    alone.append(intervals.p_of_signs(right[1] * 1.0 - right[0]))
  assert sum(p < 0.1 for p in found) <= 12  # of 60 at most 6 are expected
  assert sum(p < 0.1 for p in alone) >= 15  # as independent as they are not


def test_only_what_both_judged_is_compared():
  one = [Outcome(uid, 1, 1) for uid in "abc"]
  other = [Outcome(uid, 1, 2) for uid in "cbd"]
  first, second = paired.common(one, other)
  assert [o.uid for o in first] == [o.uid for o in second] == ["b", "c"]
  assert {o.winner for o in second} == {2}


@pytest.mark.parametrize(
  ("other", "message"),
  [
    ([Outcome("d", 1, 1)], "no comparison in common: 'a' is of the first, 'd'"),
    ([Outcome("a", 2, 1)], "different labels or subsets"),
  ],
)
def test_runs_on_other_data_are_refused(other, message):
  with pytest.raises(ValueError, match=message):
    paired.common([Outcome("a", 1, 1)], other)


def test_every_benchmark_is_tried():
  assert set(PAIRS) == set(protocol.PROTOCOLS)
