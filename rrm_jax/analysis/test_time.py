"""What more compute at test time buys: votes, longer thinking, and on what."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax.analysis import difficulty, scores
from rrm_jax.records import Comparison, Judgement


def votes(
  judgements: Iterable[Judgement],
  comparisons: scores.Comparisons,
  ks: Sequence[int],
) -> list[dict]:
  """Accuracy of the majority of k votes, for each k.

  Of the M judgements of a comparison every choice of k is as good a draw as
  any other, so the expectation over all of them is taken: exact, with far
  less noise than the first k votes alone. The majority is among the verdicts;
  invalid answers abstain. A tie, and no verdict at all, counts 0.5. So k=1
  is the accuracy where an invalid answer scores 0.5. Comparisons without a
  label are left out.

  Returns:
    A row for each k, in the order given: `k`, `accuracy`, `low`, `high`.

  Raises:
    ValueError: a comparison has fewer than k judgements, or what `summary`
      raises for.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  ballots = {
    uid: _ballots(group, known[uid])
    for uid, group in groups.items()
    if known[uid].label is not None
  }
  for k in ks:
    for uid, counts in ballots.items():
      if not 1 <= k <= sum(counts):
        raise ValueError(
          f"k={k} votes asked of uid {uid!r}, which has {sum(counts)} "
          "judgements; k must be at least 1 and at most that"
        )
  return [
    {
      "k": k,
      **scores.interval(
        np.array([majority(*c, k) for c in ballots.values()], np.float64),
        clusters=scores.queries(ballots, known),
      ),
    }
    for k in ks
  ]


@functools.lru_cache(maxsize=65_536)
def majority(right: int, wrong: int, invalid: int, k: int) -> float:
  """Expected score of the majority of k ballots drawn without replacement.

  With a right and b wrong ballots among the k, all such draws number
  C(right, a) C(wrong, b) C(invalid, k - a - b) of C(total, k): the
  multivariate hypergeometric law, summed in integers.
  """
  twice = 0
  for a in range(min(right, k) + 1):
    for b in range(min(wrong, k - a) + 1):
      draws = (
        math.comb(right, a)
        * math.comb(wrong, b)
        * math.comb(invalid, k - a - b)
      )
      twice += draws * ((a > b) + (a >= b))
  return twice / (2 * math.comb(right + wrong + invalid, k))


def budget_curve(
  runs: Mapping[int, Iterable[Judgement]],
  comparisons: scores.Comparisons,
  *,
  invalid: float = 0.5,
) -> list[dict]:
  """Accuracy under each thinking budget.

  Args:
    runs: The judgements made under each budget, in tokens.
    comparisons: What was judged, by uid or in a sequence.
    invalid: What an answer without a verdict scores.

  Returns:
    A row for each budget, in rising order: `budget`, `accuracy`, `low`,
    `high`, `thinking_tokens` (the mean spent), and `groups`: a row with
    `group`, `accuracy`, `low`, `high`, `comparisons` for the easy, middle and
    hard third of the subsets, empty where their names give no difficulty.

  Raises:
    ValueError: two runs judged different comparisons, or what `summary`
      raises for.
  """
  known = scores.by_uid(comparisons)
  grouped = {b: scores.grouped(runs[b], known) for b in sorted(runs)}
  uids: set[str] = set()
  for budget, groups in grouped.items():
    uids = uids or set(groups)
    odd = min(uids ^ set(groups), default=None)
    if odd is not None:
      raise ValueError(
        f"budget {budget} and budget {min(runs)} judged different "
        f"comparisons: only one of them has uid {odd!r}"
      )
  return [
    {
      "budget": budget,
      **scores.accuracy(groups, known, invalid),
      "thinking_tokens": _mean_thinking(groups),
      "groups": _by_difficulty(groups, known, invalid),
    }
    for budget, groups in grouped.items()
  ]


def split_groups(curve: Sequence[Mapping]) -> dict[str, list[dict]]:
  """The curve of each difficulty group of a `budget_curve`, by its name."""
  curves: dict[str, list[dict]] = {}
  for row in curve:
    for group in row["groups"]:
      curves.setdefault(group["group"], []).append(
        {"budget": row["budget"], **group}
      )
  return curves


def length_by_subset(
  judgements: Iterable[Judgement], comparisons: scores.Comparisons
) -> dict:
  """Whether the judge thinks longer where it is harder.

  Returns:
    `subsets`: a row for each, the easiest first, with `subset`, `difficulty`
      (None if its name has no number), `thinking_tokens`, `low`, `high`,
      `comparisons`;
    `spearman`, `pearson`: correlation over judgements of the difficulty with
      the thinking tokens; None if some subset has no difficulty or one of the
      two does not vary.

  Raises:
    ValueError: as `summary`.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  rows = [
    {
      "subset": subset,
      "difficulty": difficulty.difficulty(subset),
      **scores.over_comparisons(
        [
          (uid, j.thinking_tokens) for uid, group in part.items() for j in group
        ],
        "thinking_tokens",
      ),
      "comparisons": len(part),
    }
    for subset, part in scores.by_subset(groups, known).items()
  ]
  pairs = [
    (difficulty.difficulty(known[uid].subset), judgement.thinking_tokens)
    for uid, group in groups.items()
    for judgement in group
  ]
  if any(level is None for level, _ in pairs):
    return {"subsets": rows, "spearman": None, "pearson": None}
  levels, tokens = np.array(pairs, dtype=np.float64).T
  return {"subsets": rows, **_correlations(levels, tokens)}


def _ballots(
  group: Sequence[Judgement], comparison: Comparison
) -> tuple[int, int, int]:
  """How many judgements are right, wrong, and invalid."""
  winners = [judgement.verdict.winner for judgement in group]
  right, invalid = winners.count(comparison.label), winners.count(None)
  return right, len(winners) - right - invalid, invalid


def _mean_thinking(groups: Mapping[str, Sequence[Judgement]]) -> float:
  tokens = [j.thinking_tokens for group in groups.values() for j in group]
  return round(float(np.mean(tokens)), 4)


def _by_difficulty(
  groups: Mapping[str, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
  invalid: float,
) -> list[dict]:
  parts = difficulty.groups(comparisons[uid].subset for uid in groups)
  rows = []
  for name, subsets in parts.items():
    part = {u: g for u, g in groups.items() if comparisons[u].subset in subsets}
    accuracy = scores.accuracy(part, comparisons, invalid)
    rows.append({"group": name, **accuracy, "comparisons": len(part)})
  return rows


def _correlations(
  x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]
) -> dict[str, float | None]:
  if np.ptp(x) == 0 or np.ptp(y) == 0:
    return {"spearman": None, "pearson": None}
  from scipy import stats  # a second to import; most binaries need none of it

  return {
    "spearman": round(float(stats.spearmanr(x, y).statistic), 4),
    "pearson": round(float(stats.pearsonr(x, y).statistic), 4),
  }
