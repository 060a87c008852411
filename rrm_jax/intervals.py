"""Confidence intervals for means over comparisons, and what chance would do."""

import dataclasses

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
  resamples: int = 2_000,
  seed: int = 0,
  level: float = 0.95,
) -> Interval:
  """The mean of `values` with a percentile bootstrap interval.

  Comparisons are the unit that is resampled: votes on one comparison share
  its difficulty, and counting them as independent would make the interval too
  narrow. So `values` holds one mean per comparison.

  Scores take few distinct values, and drawing n comparisons with replacement
  is drawing how often each distinct value appears from a multinomial. This
  costs resamples x distinct values, whatever n is, and the result does not
  depend on the order of `values`.

  The interval has no width where all values are equal, as at accuracy 1; it
  then says nothing about comparisons unlike the ones seen.

  Args:
    values: One mean per comparison, (comparisons,).
    resamples: How many data sets to draw.
    seed: Of the draws; the same values and seed give the same interval.
    level: Coverage, in (0, 1).

  Raises:
    ValueError: there are no values, some are not finite, or `resamples` or
      `level` is out of range.

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
  distinct, counts = np.unique(values, return_counts=True)
  shares = counts / values.size
  rng = np.random.default_rng(seed)
  rows = max(1, _CHUNK // distinct.size)
  means = np.concatenate(
    [
      rng.multinomial(values.size, shares, size=min(rows, resamples - start))
      @ distinct
      / values.size
      for start in range(0, resamples, rows)
    ]
  )
  low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
  return Interval(float(values.mean()), float(low), float(high))


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
