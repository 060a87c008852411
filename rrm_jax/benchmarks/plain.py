"""The plainest rule: the share of comparisons that were judged right."""

from collections.abc import Callable, Sequence

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.score import Score, Stratum, by_subset, stratum


def pooled(
  values: Sequence[Value], cluster: Callable[[str], str] = str
) -> Score:
  """The mean over all comparisons; sections are the subsets.

  Args:
    values: One for each comparison.
    cluster: What comparisons that share a query have in common in their uid.
  """

  def pool(name: str, part: Sequence[Value]) -> Stratum:
    return stratum(name, 1.0, part, [cluster(value.uid) for value in part])

  whole = pool("", values)
  subsets = {name: pool(name, part) for name, part in by_subset(values).items()}
  return Score(
    whole.mean,
    {name: one.mean for name, one in subsets.items()},
    (whole,),
    {name: (one,) for name, one in subsets.items() if name},
  )


def averaged(
  values: Sequence[Value], cluster: Callable[[str], str] = str
) -> Score:
  """The mean over subsets of each subset's mean; the subsets are sections."""
  parts = by_subset(values)
  strata = tuple(
    stratum(name, 1 / len(parts), part, [cluster(v.uid) for v in part])
    for name, part in parts.items()
  )
  sections = {one.name: one.mean for one in strata}
  return Score(sum(sections.values()) / len(parts), sections, strata)
