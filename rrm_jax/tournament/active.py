"""Spends judgements where it is uncertain who is best.

A knockout comes first (`schedules`), so that everyone has played and a budget
of N - 1 is no worse spent than there. Then the strengths have a posterior after
each game (`posterior`, in normal approximation). Draws from it give each
candidate's probability of being the best; the next match is the pair (i, j)
with the largest

  P(i best) P(j best) log(1 + p_ij (1 - p_ij) Var[s_i - s_j]).

The first two factors are the chance that two draws of the posterior name i and
j as the best, which is how top-two Thompson sampling picks its pair (Russo,
"Simple Bayesian algorithms for best-arm identification", arXiv 1602.08448; for
duels Wu & Liu, arXiv 1604.07101); judgements about candidates that cannot win
are never asked for. The last is twice the information, in nats, that a game
of the pair holds about its difference (the Gaussian form of the gain that
Chen et al., "Pairwise ranking aggregation in a crowdsourced setting", WSDM
2013, maximise): it turns from pairs which are settled to those which are not.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import stable_hash
from rrm_jax.tournament import posterior
from rrm_jax.tournament.contests import Contest, Pair, pairs_of

_DRAWS = 512
# A prior of some games doubts the first verdicts.
_PRIOR = 3.0


def pairs(contest: Contest, most: int, seed: int) -> list[Pair]:
  """Up to `most` matches without a common candidate, the most useful first."""
  entrants = contest.entrants
  if most < 1 or len(entrants) < 2:
    return []
  place = {entrant: i for i, entrant in enumerate(entrants)}
  outcomes = [
    (place[match.pair[0]], place[match.pair[1]], game.winner == match.pair[0])
    for match in contest.matches
    for game in match.games
    if game.winner is not None
  ]
  drawn = stable_hash.fraction(
    "active", str(seed), contest.uid, str(contest.spent)
  )
  worth = usefulness(
    posterior.wins(outcomes, len(entrants)),
    np.random.default_rng(int(drawn * 2**48)),
  )
  ranked = sorted(
    pairs_of(entrants), key=lambda pair: -worth[place[pair[0]], place[pair[1]]]
  )
  return _disjoint(ranked, most)


def usefulness(
  table: Float[np.ndarray, "n n"], rng: np.random.Generator
) -> Float[np.ndarray, "n n"]:
  """What a game of each pair is worth; see the top of this file.

  Args:
    table: How often row beat column so far.
    rng: Of the posterior's draws.
  """
  found = posterior.strengths(table, _PRIOR)
  covariance = np.linalg.inv(posterior.precision(found, table, _PRIOR))
  noise = rng.standard_normal((_DRAWS, len(found)))
  draws = found + noise @ np.linalg.cholesky(covariance).T
  counts = np.bincount(draws.argmax(axis=1), minlength=len(found))
  # No draw is no proof: half of one keeps every pair comparable.
  best = (counts + 0.5) / (_DRAWS + 0.5 * len(found))
  alone = np.diag(covariance)
  spread = alone[:, None] + alone[None, :] - 2 * covariance
  chance = posterior.win_probability(found)
  gain = np.log1p(chance * (1 - chance) * spread)
  return best[:, None] * best[None, :] * gain


def _disjoint(ranked: Sequence[Pair], most: int) -> list[Pair]:
  taken: set[int] = set()
  found: list[Pair] = []
  for pair in ranked:
    if len(found) < most and taken.isdisjoint(pair):
      found.append(pair)
      taken.update(pair)
  return found
