"""A benchmark's score: weighted means over strata, with an interval.

Every rule here that people report is a sum of weights times means: of
RewardBench's sections, RM-Bench's domains, RMB's four parts. Written so, one
bootstrap serves them all.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rrm_jax import intervals
from rrm_jax.benchmarks.outcomes import Value

_RESAMPLES = 2_000
_LEVEL = 0.95


class Interval(NamedTuple):
  """Between which two numbers a score is, with 95 % confidence."""

  low: float
  high: float


@dataclasses.dataclass(frozen=True)
class Stratum:
  """A part of a benchmark whose mean counts with a fixed weight.

  Attributes:
    name: What a report calls it.
    weight: Of its mean in the overall score; a benchmark's sum to 1.
    clusters: What each group of comparisons that share a query is worth. They
      succeed and fail together, so they are resampled together.
    sizes: How many comparisons are in each; a mean counts comparisons.
  """

  name: str
  weight: float
  clusters: Float[np.ndarray, " clusters"]
  sizes: Float[np.ndarray, " clusters"]

  @property
  def mean(self) -> float:
    """Over comparisons, in [0, 1]."""
    return float(np.average(self.clusters, weights=self.sizes))


@dataclasses.dataclass(frozen=True)
class Score:
  """A benchmark's score and what it is made of.

  Attributes:
    overall: The number that is reported, in [0, 1].
    sections: The parts that tables print, in their order.
    strata: What `overall` is the weighted mean of.
    parts: What each other section is the weighted mean of, by its name; a
      stratum with a name is a section of its own.
  """

  overall: float
  sections: Mapping[str, float]
  strata: tuple[Stratum, ...]
  parts: Mapping[str, tuple[Stratum, ...]] = dataclasses.field(
    default_factory=dict
  )

  def interval(self, seed: int = 0) -> Interval:
    """A percentile bootstrap of `overall`, resampling clusters in strata.

    Source: Davison & Hinkley, Bootstrap Methods and their Application, 3.2.
    """
    return _interval(self.strata, seed)

  def as_dict(self) -> dict:
    """The numbers, rounded to four digits, ready for JSON.

    Returns:
      `overall`, `low`, `high`, `counted`: how many comparisons or groups count;
      `sections`: numbers by name;
      `parts`: a row for each section and then for each other stratum, with
      `name`, `accuracy`, `low`, `high`, `counted`.
    """
    low, high = self.interval()
    strata = {one.name: (one,) for one in self.strata if one.name}
    parts = strata | dict(self.parts)
    names = dict.fromkeys([*filter(None, self.sections), *parts])
    return {
      "overall": round(self.overall, 4),
      "low": round(low, 4),
      "high": round(high, 4),
      "counted": _counted(self.strata),
      "sections": {name: round(v, 4) for name, v in self.sections.items()},
      "parts": [_part(name, parts[name]) for name in names],
    }


def stratum(
  name: str, weight: float, values: Sequence[Value], clusters: Iterable[str]
) -> Stratum:
  """A stratum of comparisons, by the clusters that they are of."""
  groups: dict[str, list[float]] = {}
  for value, cluster in zip(values, clusters, strict=True):
    groups.setdefault(cluster, []).append(value.points)
  return Stratum(
    name,
    weight,
    clusters=np.array([np.mean(points) for points in groups.values()]),
    sizes=np.array([len(points) for points in groups.values()], np.float64),
  )


def by_subset(values: Iterable[Value]) -> dict[str, list[Value]]:
  """The values of each subset, in the order they came."""
  parts: dict[str, list[Value]] = {}
  for value in values:
    parts.setdefault(value.subset, []).append(value)
  return parts


def _part(name: str, strata: Sequence[Stratum]) -> dict:
  total = sum(one.weight for one in strata)
  low, high = _interval(strata)
  return {
    "name": name,
    "accuracy": round(sum(one.weight * one.mean for one in strata) / total, 4),
    "low": round(low, 4),
    "high": round(high, 4),
    "counted": _counted(strata),
  }


def _counted(strata: Sequence[Stratum]) -> int:
  return int(sum(one.sizes.sum() for one in strata))


def _interval(strata: Sequence[Stratum], seed: int = 0) -> Interval:
  """That of the strata's mean by their weights, which need not sum to 1."""
  rng = np.random.default_rng(seed)
  totals = np.zeros(_RESAMPLES)
  for stratum in strata:
    totals += stratum.weight * intervals.resampled_means(
      stratum.clusters, stratum.sizes, _RESAMPLES, rng
    )
  totals /= sum(stratum.weight for stratum in strata)
  tail = (1 - _LEVEL) / 2
  low, high = np.quantile(totals, [tail, 1 - tail])
  return Interval(float(low), float(high))
