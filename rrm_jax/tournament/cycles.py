"""Whether a judge agrees with itself: cycles among its verdicts."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from rrm_jax.tournament import posterior, ratings
from rrm_jax.tournament.contests import Contest


def triples(table: Float[np.ndarray, "n n"]) -> tuple[int, int]:
  """Cyclic triples, and all triples in which each pair has a winner.

  A triple is cyclic if a beats b, b beats c and c beats a; no ranking agrees
  with it. A judge that tosses coins makes a quarter of them so.

  Args:
    table: How often row beat column; the majority is the winner.

  Source: Kendall & Babington Smith, "On the method of paired comparisons",
    Biometrika 31 (1940).
  """
  beats = (table > table.T).astype(np.int64)
  decided = beats + beats.T
  cyclic = np.trace(beats @ beats @ beats) // 3
  return int(cyclic), int(np.trace(decided @ decided @ decided) // 6)


def upsets(table: Float[np.ndarray, "n n"], strengths: np.ndarray) -> float:
  """Games won by the candidate that the ratings put lower."""
  lower = strengths[:, None] < strengths[None, :]
  equal = strengths[:, None] == strengths[None, :]
  return float((table * (lower + 0.5 * equal)).sum())


def summary(
  contests: Mapping[str, Contest], sizes: Mapping[str, int], prior: float
) -> dict:
  """The figures of `report.json` about consistency.

  Args:
    contests: What was played, by prompt.
    sizes: Candidates of each prompt.
    prior: Of the Bradley-Terry rating, in games.

  Returns:
    `triples`: with a winner in each of their pairs; `cyclic`: of those;
    `transitivity`: the share that is not cyclic, None without triples;
    `prompts_with_cycles`; `upsets`: the share of games that the Bradley-Terry
    rating of their own prompt would have given to the other, None without.
  """
  cyclic, whole, wrong, games = [], [], 0.0, 0.0
  for uid, contest in contests.items():
    table = posterior.wins(ratings.outcomes(contest.matches), sizes[uid])
    bad, all_ = triples(table)
    cyclic.append(bad)
    whole.append(all_)
    wrong += upsets(table, posterior.strengths(table, prior))
    games += table.sum()
  count = sum(whole)
  return {
    "triples": count,
    "cyclic": sum(cyclic),
    "transitivity": round(1 - sum(cyclic) / count, 4) if count else None,
    "prompts_with_cycles": int(np.count_nonzero(cyclic)),
    "upsets": round(wrong / games, 4) if games else None,
  }
