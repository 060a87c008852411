"""Whether one run's score beats another's, by a benchmark's rule.

Comparisons that are hard for one judge are hard for another, so the difference
of two scores is known far better than either of them: what is resampled is the
difference on each comparison, with those of one query together.
"""

from collections.abc import Iterable, Sequence

from rrm_jax.benchmarks import outcomes, protocol
from rrm_jax.benchmarks.outcomes import Outcome, Value


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
    as `Score.as_dict` gives it.

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
  less = [v._replace(points=v.points - points[v.uid]) for v in second]
  named = {"first": first, "second": second, "difference": less}
  return {what: rule.score(values).as_dict() for what, values in named.items()}
