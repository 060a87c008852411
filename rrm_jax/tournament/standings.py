"""Who is best of a prompt's candidates after some of its judgements."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import config
from rrm_jax.config.tournament import InvalidRule
from rrm_jax.records import Candidates, Match
from rrm_jax.tournament import brackets, contests, ratings
from rrm_jax.tournament.contests import Contest

# Ratings closer than this are equal: they are so by symmetry.
_EQUAL = 1e-9


@dataclasses.dataclass(frozen=True)
class Standing:
  """What is known of a prompt's candidates.

  Attributes:
    ratings: One for each candidate; equal texts have equal ones.
    shares: How likely each is to be chosen, which is more than one where
      nothing tells the best apart; sums to 1.
    chosen: The place of the best, drawn among equals by a stable hash.
  """

  ratings: Float[np.ndarray, " n"]
  shares: Float[np.ndarray, " n"]
  chosen: int


def standing(
  group: Candidates,
  contest: Contest,
  schedule: config.Schedule,
  rating: config.Rating,
) -> Standing:
  """The ratings of a prompt's candidates, and the best of them.

  In a knockout the best is who has not lost, one of several while it goes on;
  elsewhere who is rated best.

  Args:
    group: The candidates.
    contest: What has been played.
    schedule: Its rules.
    rating: How outcomes become ratings.
  """
  rated = _rated(contest, schedule.invalid, rating)
  if schedule.strategy == "knockout":
    best = set(brackets.standing(contest))
  else:
    top = max(rated.values())
    best = {p for p, value in rated.items() if value >= top - _EQUAL}
  same = contests.representatives(group.responses)
  shares = np.array([float(first in best) for first in same])
  drawn = contest.drawn("chosen", rating.seed)
  return Standing(
    ratings=np.array([rated[first] for first in same]),
    shares=shares / shares.sum(),
    chosen=next(place for place in drawn if place in best),
  )


def after(
  contest: Contest, judgements: int, schedule: config.Schedule
) -> Contest:
  """A contest as it stood after so many judgements.

  Judgements of a round count in the order in which they say most: in a
  knockout match by match, elsewhere the first games of all matches, then the
  second ones. A match of a knockout counts once it is whole.

  Args:
    contest: What has been played in the end.
    judgements: From the first on.
    schedule: Its rules.
  """
  if schedule.strategy == "knockout":
    whole = contest.matches[: judgements // schedule.games]
    return dataclasses.replace(contest, matches=whole)
  order = sorted(
    (match.round, game, place)
    for place, match in enumerate(contest.matches)
    for game in range(len(match.games))
  )
  kept: dict[int, int] = {}
  for _, game, place in order[:judgements]:
    kept[place] = game + 1
  return dataclasses.replace(
    contest,
    matches=tuple(
      dataclasses.replace(contest.matches[place], games=games)
      for place, count in sorted(kept.items())
      for games in [contest.matches[place].games[:count]]
    ),
  )


def _rated(
  contest: Contest, invalid: InvalidRule, rating: config.Rating
) -> dict[int, float]:
  """The rating of each entrant, by its place."""
  games = entrant_games(contest.matches, contest.entrants, invalid)
  found = ratings.rate(games, len(contest.entrants), rating)
  return dict(zip(contest.entrants, found.tolist(), strict=True))


def entrant_games(
  matches: Sequence[Match], entrants: Sequence[int], invalid: InvalidRule
) -> list[tuple[int, int, float]]:
  """Outcomes whose places count the entrants only, from 0."""
  number = {place: i for i, place in enumerate(entrants)}
  return [
    (number[first], number[second], share)
    for first, second, share in ratings.outcomes(matches, invalid)
  ]
