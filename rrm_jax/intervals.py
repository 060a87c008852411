"""Confidence intervals for means over comparisons, and what chance would do."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float

# Resamples drawn at once hold at most this many counts (32 MiB).
_CHUNK = 4_194_304


@dataclasses.dataclass(frozen=True)
class Interval:
  """A mean and the bounds that a bootstrap gives it."""

  mean: float
  low: float
  high: float

  def as_dict(self, name: str = "accuracy", digits: int = 4) -> dict:
    """The three numbers, rounded, the mean under `name`."""
    return {
      name: round(self.mean, digits),
      "low": round(self.low, digits),
      "high": round(self.high, digits),
    }


def bootstrap(
  values: Float[np.ndarray, " comparisons"],
  *,
  clusters: Sequence[Hashable] | None = None,
  resamples: int = 2_000,
  seed: int = 0,
  level: float = 0.95,
) -> Interval:
  """The mean of `values` with a percentile bootstrap interval.

  Comparisons are the unit that is resampled: votes on one comparison share
  its difficulty, and counting them as independent would make the interval too
  narrow. So `values` holds one mean per comparison. Comparisons of one query
  share theirs too: with `clusters` what is resampled are queries.

  The interval has no width where all values are equal, as at accuracy 1; it
  then says nothing about comparisons unlike the ones seen.

  Args:
    values: One mean per comparison, (comparisons,).
    clusters: What each is of, (comparisons,); equal ones are drawn together.
    resamples: How many data sets to draw.
    seed: Of the draws; the same values and seed give the same interval.
    level: Coverage, in (0, 1).

  Raises:
    ValueError: there are no values, some are not finite, there is not one
      cluster for each, or `resamples` or `level` is out of range.

  Source: Efron & Tibshirani, An Introduction to the Bootstrap, 13.3.
  """
  if values.ndim != 1 or not values.size:
    raise ValueError(
      f"values have shape {values.shape}; give one number per comparison, and "
      "at least one"
    )
  if not np.isfinite(values).all():
    raise ValueError(
      f"values[{int(np.argmin(np.isfinite(values)))}] is not finite; leave out "
      "comparisons that cannot be scored"
    )
  if resamples < 1 or not 0 < level < 1:
    raise ValueError(
      f"resamples={resamples} must be at least 1 and level={level} in (0, 1)"
    )
  rng = np.random.default_rng(seed)
  drawn = resampled_means(*clustered(values, clusters), resamples, rng)
  low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
  return Interval(float(values.mean()), float(low), float(high))


def resampled_means(
  means: Float[np.ndarray, " clusters"],
  sizes: Float[np.ndarray, " clusters"],
  resamples: int,
  rng: np.random.Generator,
) -> Float[np.ndarray, " resamples"]:
  """The mean over all that is in clusters, in each resample of the clusters.

  Few clusters differ, and drawing n of them with replacement is drawing how
  often each kind appears from a multinomial. This costs resamples x kinds,
  whatever n is, and the result does not depend on the order of the clusters.

  Args:
    means: Of each cluster.
    sizes: How many are in each.
    resamples: How many to draw.
    rng: Draws them.
  """
  kinds, counts = np.unique(
    np.stack([means, sizes]), axis=1, return_counts=True
  )
  shares = counts / counts.sum()
  rows = max(1, _CHUNK // counts.size)
  parts = []
  for start in range(0, resamples, rows):
    size = min(rows, resamples - start)
    drawn = rng.multinomial(counts.sum(), shares, size=size)
    parts.append((drawn @ kinds.prod(axis=0)) / (drawn @ kinds[1]))
  return np.concatenate(parts)


def clustered(
  values: Float[np.ndarray, " n"], clusters: Sequence[Hashable] | None
) -> tuple[Float[np.ndarray, " clusters"], Float[np.ndarray, " clusters"]]:
  """The mean and the size of each cluster; of each value if there are none.

  Raises:
    ValueError: there is not one cluster for each value.
  """
  if clusters is None:
    return values, np.ones(values.size)
  if len(clusters) != values.size:
    raise ValueError(
      f"{values.size} values are of {len(clusters)} clusters; name the cluster "
      "of each"
    )
  places: dict[Hashable, int] = {}
  of = [places.setdefault(cluster, len(places)) for cluster in clusters]
  sizes = np.bincount(of).astype(np.float64)
  return np.bincount(of, weights=values) / sizes, sizes


def p_of_signs(
  gaps: Float[np.ndarray, " n"], *, flips: int = 20_000, seed: int = 0
) -> float:
  """Whether a sum of independent differences could be chance: a two-sided p.

  If two judges were the same, each difference were as likely to have the other
  sign. The p-value is the share of random signs which give a sum as far from 0,
  the signs as they are counted as one of them. Equal differences flip together
  as a binomial, which costs flips x distinct values.

  Args:
    gaps: What each comparison, or each group of them that hang together, adds
      to the difference, (n,).
    flips: How many random signs to draw.
    seed: Of the draws.

  Source: Phipson & Smyth 2010.
  """
  sizes, counts = np.unique(np.abs(gaps[gaps != 0]), return_counts=True)
  # Sums of the same numbers in another order differ in their last digits.
  least = abs(float(gaps.sum())) - 1e-9 * float(sizes @ counts)
  rng = np.random.default_rng(seed)
  rows = max(1, _CHUNK // max(1, sizes.size))
  far = 0
  for start in range(0, flips, rows):
    drawn = (min(rows, flips - start), sizes.size)
    positive = rng.binomial(counts, 0.5, size=drawn)
    far += int((np.abs((2 * positive - counts) @ sizes) >= least).sum())
  return (far + 1) / (flips + 1)
