"""Ratings over all prompts at once, with intervals that resample prompts."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import config
from rrm_jax.records import Candidates
from rrm_jax.tournament import posterior, ratings
from rrm_jax.tournament.run import Outcome

_LEVEL = 0.95


def table(
  groups: Sequence[Candidates],
  outcome: Outcome,
  rating: config.Rating,
  *,
  resamples: int = 1_000,
  seed: int = 0,
) -> list[dict] | None:
  """The contestants, best first, if place k of every prompt is the same one.

  It means something where place k holds the response of one model to each
  prompt, and shows noise where candidates are samples of one.

  Args:
    groups: The prompts.
    outcome: The tournament.
    rating: The numbers of the methods.
    resamples: Of the bootstrap over prompts.
    seed: Of the bootstrap.

  Returns:
    None where prompts differ in their number of candidates, else rows with
    `candidate` (its place), `bradley_terry` (log strength) with `low` and
    `high`, `elo` (as the paper, over all prompts), `win_rate`, `games`, and
    `accuracy`, None where correctness is not known of every prompt.
  """
  sizes = {len(group.responses) for group in groups}
  if len(sizes) > 1:
    return None
  count = sizes.pop()
  invalid = outcome.schedule.invalid
  per_prompt = [
    ratings.outcomes(outcome.contests[group.uid].matches, invalid)
    for group in groups
  ]
  games = [game for some in per_prompt for game in some]
  strength = ratings.bradley_terry(games, count, rating.prior)
  tables = np.stack([posterior.wins(some, count) for some in per_prompt])
  low, high = _bounds(tables, rating.prior, resamples, seed)
  elo = ratings.elo(games, count, k=rating.elo_k, seed=rating.seed)
  rate = ratings.win_rate(games, count)
  played = (tables.sum(axis=0) + tables.sum(axis=0).T).sum(axis=1)
  accuracy = _accuracy(groups)
  return [
    {
      "candidate": place,
      "bradley_terry": round(float(strength[place]), 4),
      "low": round(float(low[place]), 4),
      "high": round(float(high[place]), 4),
      "elo": round(float(elo[place]), 2),
      "win_rate": round(float(rate[place]), 4),
      "games": int(played[place]),
      "accuracy": None if accuracy is None else round(accuracy[place], 4),
    }
    for place in np.argsort(-strength, kind="stable").tolist()
  ]


def _bounds(
  tables: Float[np.ndarray, "prompts n n"],
  prior: float,
  resamples: int,
  seed: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Percentile bootstrap: prompts are drawn, with all that was played there."""
  prompts, count, _ = tables.shape
  rng = np.random.default_rng(seed)
  drawn = rng.multinomial(prompts, [1 / prompts] * prompts, size=resamples)
  sums = drawn @ tables.reshape(prompts, -1)
  found = posterior.strengths(sums.reshape(resamples, count, count), prior)
  tail = (1 - _LEVEL) / 2
  low, high = np.quantile(found, [tail, 1 - tail], axis=0)
  return low, high


def _accuracy(groups: Sequence[Candidates]) -> list[float] | None:
  flags = [group.correct for group in groups]
  known = [flag for flag in flags if flag is not None]
  return np.mean(known, axis=0).tolist() if len(known) == len(flags) else None
