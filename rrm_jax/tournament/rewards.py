"""Rewards for policy RL out of pairwise verdicts on a group of responses.

  asked = rewards.questions(group, opponents=4)
  values = rewards.rewards(group, judging(asked))      # one for each response

The schedule is a circle drawn by lot on which everyone meets those up to
`opponents / 2` places on: each is shown first as often as second, nobody meets
itself, and all have the same number of games. A verdict that is invalid is
missing, neither a loss nor a draw. Equal responses get equal rewards and are
never compared.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from rrm_jax import stable_hash
from rrm_jax.records import Candidates, Judgement, Question
from rrm_jax.tournament import contests, posterior, ratings
from rrm_jax.tournament.posterior import Outcome

Method = Literal["bradley_terry", "elo", "fast"]

_ELO_K = 32.0
_ELO_SHUFFLES = 16
_ELO_SCALE = 400.0


def questions(
  group: Candidates, opponents: int = 4, seed: int = 0
) -> list[Question]:
  """What to ask a judge about a group: `opponents` / 2 of each response.

  Args:
    group: The responses, usually the rollouts of one prompt.
    opponents: How many others each response meets, an even number; with fewer
      others each meets all, and pairs are asked in both orders.
    seed: Of the circle.

  Raises:
    ValueError: the number of opponents is odd or below 2.
  """
  if opponents < 2 or opponents % 2:
    raise ValueError(
      f"opponents={opponents} must be an even number from 2, so that each "
      "response can be shown first as often as second"
    )
  order = contests.contest(group).drawn("rewards", seed)
  steps = range(1, min(opponents // 2, len(order) - 1) + 1)
  return [
    Question(contests.comparison(group, (shown, other)), 0, bool(shown > other))
    for step in steps
    for shown, other in zip(order, order[step:] + order[:step], strict=True)
  ]


def rewards(
  group: Candidates,
  judgements: Sequence[Judgement],
  method: Method = "bradley_terry",
  *,
  prior: float = 1.0,
  seed: int = 0,
) -> Float[np.ndarray, " responses"]:
  """Rewards in (0, 1) for each response; 0.5 is average.

  bradley_terry: the mean probability of beating another response of the group,
    by the strengths that are most probable. It depends on no order, uses whom
    one has beaten, and a prior keeps a single game from being proof.
  elo: the same probability from Elo ratings, averaged over several shuffles of
    the games with K = 32. The usual single pass with K = 4 depends on the
    order of play and leaves rewards within a few hundredths of 0.5.
  fast: the share of a response's games that it won; ask for 2 opponents. The
    usual form has all meet one response, itself among them, and in one order.

  Where nothing valid was said of a response it gets 0.5 under "fast", and what
  the prior says under the others: 0.5 against an average opponent.

  Args:
    group: The responses.
    judgements: Answers to `questions`, any number of them.
    method: Which of the three.
    prior: Of bradley_terry, in games.
    seed: Of elo's shuffles.

  Raises:
    ValueError: a judgement is of another group or pair, or there is no such
      method.
  """
  same = contests.representatives(group.responses)
  entrants = sorted(set(same))
  number = {place: i for i, place in enumerate(entrants)}
  games = _games(group, judgements, number)
  match method:
    case "bradley_terry":
      table = posterior.wins(games, len(entrants))
      found = _against_others(posterior.strengths(table, prior))
    case "elo":
      found = _against_others(_elo(games, len(entrants), seed))
    case "fast":
      found = _share_won(games, len(entrants))
    case _:
      raise ValueError(
        f"method={method!r} is not one of bradley_terry, elo, fast"
      )
  return np.array([found[number[first]] for first in same])


def _games(
  group: Candidates,
  judgements: Sequence[Judgement],
  number: dict[int, int],
) -> list[Outcome]:
  pairs = {
    f"{group.uid}/{first}-{second}": (number[first], number[second])
    for first, second in contests.pairs_of(sorted(number))
  }
  games: list[Outcome] = []
  for judgement in judgements:
    if judgement.uid not in pairs:
      raise ValueError(
        f"judgement {judgement.uid!r} is of no pair of the group "
        f"{group.uid!r}; pass the answers to `questions` of this group"
      )
    if judgement.verdict.winner is not None:
      first, second = pairs[judgement.uid]
      games.append((first, second, float(judgement.verdict.winner == 1)))
  return games


def _against_others(strengths: np.ndarray) -> np.ndarray:
  """The mean chance of winning against another; 0.5 without others."""
  others = len(strengths) - 1
  if not others:
    return np.full(1, 0.5)
  return (posterior.win_probability(strengths).sum(axis=1) - 0.5) / others


def _elo(games: Sequence[Outcome], count: int, seed: int) -> np.ndarray:
  """Log strengths from ratings, the mean over shuffles."""
  lots = [
    int(stable_hash.fraction("elo", str(seed), str(i)) * 2**32)
    for i in range(_ELO_SHUFFLES)
  ]
  found = [ratings.elo(games, count, k=_ELO_K, seed=lot) for lot in lots]
  above = np.mean(found, axis=0) - ratings.ELO_INITIAL
  return above * np.log(10) / _ELO_SCALE


def _share_won(games: Sequence[Outcome], count: int) -> np.ndarray:
  table = posterior.wins(games, count)
  won, lost = table.sum(axis=1), table.sum(axis=0)
  played = won + lost
  return np.where(played > 0, won / np.maximum(played, 1), 0.5)
