"""Whether one run's score beats another's, by a benchmark's rule.

Comparisons that are hard for one judge are hard for another, so the difference
of two scores is known far better than either of them: what is resampled is the
difference on each comparison, with those of one query together.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from rrm_jax import intervals
from rrm_jax.benchmarks import outcomes, protocol
from rrm_jax.benchmarks.outcomes import Outcome, Value
from rrm_jax.benchmarks.score import Score


def common(
  first: Iterable[Outcome], second: Iterable[Outcome]
) -> tuple[list[Outcome], list[Outcome]]:
  """The outcomes of the comparisons that both runs judged.

  Raises:
    ValueError: there are none, or the runs give one of them two labels or
      subsets.
  """
  runs = outcomes.by_comparison(first), outcomes.by_comparison(second)
  both = [uid for uid in runs[0] if uid in runs[1]]
  if not both:
    raise ValueError(
      f"the runs have no comparison in common: {next(iter(runs[0]))!r} is of "
      f"the first, {next(iter(runs[1]))!r} of the second; give two runs on one "
      "data set"
    )
  outcomes.by_comparison(
    one for uid in both for run in runs for one in run[uid]
  )
  one, other = ([o for uid in both for o in run[uid]] for run in runs)
  return one, other


def compare(
  name: str,
  first: Iterable[Outcome],
  second: Iterable[Outcome],
  invalid: float = outcomes.RRM_INVALID,
) -> dict:
  """Two runs by a benchmark's rule, ready for JSON.

  Args:
    name: Of the benchmark.
    first: What a judge said.
    second: What another said of the same comparisons.
    invalid: What a missing verdict is worth.

  Returns:
    `published` and `both_orders`, the latter None where a run has one order
    only: `first`, `second` and `difference`, the second less the first, each
    as `Score.as_dict` gives it; with the difference `clusters`, how many
    queries can differ on their own, and `p`, as `intervals.p_of_signs` where
    what is of one query has one sign.

  Raises:
    ValueError: as `protocol.report`.

  Source: Efron & Tibshirani, An Introduction to the Bootstrap, 13.3.
  """
  rule = protocol.find(name)
  runs = list(first), list(second)
  one, other = (protocol.points(rule, run, invalid) for run in runs)
  both = [protocol.points_of_both(rule, run, invalid) for run in runs]
  return {
    "published": _scores(rule, one, other),
    "both_orders": None
    if both[0] is None or both[1] is None
    else _scores(rule, both[0], both[1]),
  }


def _scores(
  rule: protocol.Protocol, first: Sequence[Value], second: Sequence[Value]
) -> dict:
  """Scores are weighted means, so that of differences is the difference."""
  points = {value.uid: value.points for value in first}
  less = rule.score(
    [v._replace(points=v.points - points[v.uid]) for v in second]
  )
  return {
    "first": rule.score(first).as_dict(),
    "second": rule.score(second).as_dict(),
    "difference": {**less.as_dict(), **_chance(less)},
  }


def _chance(difference: Score) -> dict:
  """Whether a difference could be chance, by what each query adds to it."""
  added = np.concatenate(
    [
      one.weight * one.clusters * one.sizes / one.sizes.sum()
      for one in difference.strata
    ]
  )
  return {
    "clusters": len(added),
    "p": round(intervals.p_of_signs(added), 5),
  }
