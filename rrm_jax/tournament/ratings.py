"""Numbers for candidates out of who beat whom.

Bradley-Terry and the win rate depend on the outcomes alone, Elo on their order
too; all go through evalica (Ustalov, arXiv 2412.12314).
"""

import random
from collections.abc import Sequence
from typing import Any

import evalica
import numpy as np
from jaxtyping import Float

from rrm_jax import config
from rrm_jax.config.tournament import InvalidRule
from rrm_jax.records import Match
from rrm_jax.tournament.posterior import Outcome

ELO_INITIAL = 1_000.0
_ELO_BASE = 10.0
_ELO_SCALE = 400.0
# Of a step, in strengths whose geometric mean is 1. Rounding keeps very unequal
# ones from getting there; they stop at the limit, as good as they become.
_TOLERANCE = 1e-11
_MOST_ITERATIONS = 100_000


def outcomes(
  matches: Sequence[Match], invalid: InvalidRule = "missing"
) -> list[Outcome]:
  """Every game as (place, place, share of the point that the first took).

  Places are in the data's order. A game without a winner is left out, or half
  a point for each where invalid judgements are draws.
  """
  found: list[Outcome] = []
  for match in matches:
    first, second = sorted(match.pair)
    for game in match.games:
      if game.winner is not None:
        found.append((first, second, float(game.winner == first)))
      elif invalid == "draw":
        found.append((first, second, 0.5))
  return found


def rate(
  games: Sequence[Outcome], count: int, rating: config.Rating
) -> Float[np.ndarray, " n"]:
  """Ratings by the method that `rating` names.

  Args:
    games: What was played.
    count: Of candidates, n; who has not played gets what an average one has.
    rating: The method and its numbers.

  Raises:
    ValueError: there is no such method.
  """
  match rating.method:
    case "bradley_terry":
      return bradley_terry(games, count, rating.prior)
    case "elo":
      return elo(games, count, k=rating.elo_k, seed=rating.seed)
    case "win_rate":
      return win_rate(games, count)
  raise ValueError(
    f"method={rating.method!r} is not one of bradley_terry, elo, win_rate"
  )


def elo(
  games: Sequence[Outcome],
  count: int,
  *,
  k: float = 4.0,
  seed: int | None = 0,
) -> Float[np.ndarray, " n"]:
  """Elo as RRM's released code runs it: one pass over the shuffled games.

  Everyone begins at 1000; a difference of 400 is odds of 10 to 1. The result
  depends on the order of the games. They are sorted and then shuffled by the
  seed, so that it does not depend on the order in which they were played.

  Args:
    games: What was played.
    count: Of candidates, n.
    k: The largest gain of one game, 4 in the paper.
    seed: Of the shuffle; None takes the games in the order given.
  """
  if not games:
    return np.full(count, ELO_INITIAL)
  if seed is not None:
    games = sorted(games)
    random.Random(seed).shuffle(games)
  result = evalica.elo(
    *_columns(games),
    index=_all_places(count),
    initial=ELO_INITIAL,
    base=_ELO_BASE,
    scale=_ELO_SCALE,
    k=k,
  )
  return result.scores.sort_index().to_numpy()


def bradley_terry(
  games: Sequence[Outcome], count: int, prior: float = 0.1
) -> Float[np.ndarray, " n"]:
  """Log strengths, 0 for an average candidate; see `posterior`.

  The prior's wins and losses are draws against one more candidate, whose
  strength is then the zero. Without a prior, candidates that won or lost every
  game have no finite strength.

  Args:
    games: What was played.
    count: Of candidates, n.
    prior: Its weight in games; 0 gives maximum likelihood, centred.

  Raises:
    ValueError: the prior is negative.
  """
  if prior < 0:
    raise ValueError(f"prior={prior} is negative; 0 is none")
  against_average = [(place, count, 0.5) for place in range(count)]
  played = [*games, *against_average] if prior else list(games)
  if not played:
    return np.zeros(count)
  weights = [1.0] * len(games) + [2 * prior] * (len(played) - len(games))
  result = evalica.bradley_terry(
    *_columns(played),
    index=_all_places(count + bool(prior)),
    weights=weights,
    tolerance=_TOLERANCE,
    limit=_MOST_ITERATIONS,
  )
  found = np.log(result.scores.sort_index().to_numpy())
  return found[:count] - (found[count] if prior else found.mean())


def win_rate(games: Sequence[Outcome], count: int) -> Float[np.ndarray, " n"]:
  """The mean over opponents of the share won against each; 0.5 if none."""
  rates = np.full(count, 0.5)
  if games:
    result = evalica.average_win_rate(
      *_columns(games), index=_all_places(count)
    )
    played = sorted({place for game in games for place in game[:2]})
    rates[played] = result.scores.sort_index().to_numpy()[played]
  return rates


def _columns(
  games: Sequence[Outcome],
) -> tuple[list[int], list[int], list[evalica.Winner]]:
  """What evalica takes: who played whom, and who won."""
  winners = {
    1.0: evalica.Winner.X,
    0.5: evalica.Winner.Draw,
    0.0: evalica.Winner.Y,
  }
  first, second, shares = zip(*games, strict=True)
  return list(first), list(second), [winners[share] for share in shares]


def _all_places(count: int) -> Any:
  """The index of a table, a row for each; also for who has not played."""
  return evalica.indexing(range(count), range(count))[2]
