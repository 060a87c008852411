"""Whether votes that agree are votes that are right."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from rrm_jax.analysis import scores
from rrm_jax.records import Judgement

# Lower ends of the bands of the majority's share of votes; the last is 1 alone.
_BANDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def vote_share(
  judgements: Iterable[Judgement], comparisons: scores.Comparisons
) -> dict:
  """The majority's share of the verdicts against how often it is right.

  A judge is calibrated if a majority of 80 % is right in 80 % of the cases.
  Invalid answers abstain; an even vote is right by half. Comparisons with a
  label and at least two verdicts count.

  Returns:
    `bands`: rows with `confidence` (the mean share of the majority),
      `accuracy`, `low`, `high`, `comparisons`, from even votes to unanimous
      ones;
    `error`: the expected calibration error, the mean distance of the two over
      comparisons;
    `brier`: the mean square of one less the right response's share;
    both None, and no bands, where nothing has two verdicts.

  Raises:
    ValueError: as `accuracy.summary`.

  Source: Naeini et al. 2015 for the error; Brier 1950.
  """
  known = scores.by_uid(comparisons)
  found = []
  for uid, group in scores.grouped(judgements, known).items():
    said = [j.verdict.winner for j in group if j.verdict.winner is not None]
    label = known[uid].label
    if label is not None and len(said) > 1:
      found.append(said.count(label) / len(said))
  if not found:
    return {"bands": [], "error": None, "brier": None}
  right = np.array(found)
  sure = np.maximum(right, 1 - right)
  points = (np.sign(right - 0.5) + 1) / 2
  bands = np.searchsorted(_BANDS, sure + 1e-9, side="right")
  rows = [_band(sure[bands == b], points[bands == b]) for b in np.unique(bands)]
  gaps = [
    abs(row["accuracy"] - row["confidence"]) * row["comparisons"]
    for row in rows
  ]
  return {
    "bands": rows,
    "error": round(sum(gaps) / len(found), 4),
    "brier": round(float(np.mean((1 - right) ** 2)), 4),
  }


def _band(
  sure: Float[np.ndarray, " n"], points: Float[np.ndarray, " n"]
) -> dict:
  return {
    "confidence": round(float(sure.mean()), 4),
    **scores.interval(points),
    "comparisons": len(sure),
  }
