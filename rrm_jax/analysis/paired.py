"""Two judges on the same comparisons: which is better, and is it chance.

Those of one query go together where the query is known: judges that are alike
differ in all of them at once. McNemar's test alone takes each for itself.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import intervals
from rrm_jax.analysis import scores
from rrm_jax.records import Comparison, Judgement


def compare(
  first: Iterable[Judgement],
  second: Iterable[Judgement],
  comparisons: scores.Comparisons,
  *,
  invalid: float = 0.5,
) -> dict:
  """The second judge's accuracy beside the first's, comparison by comparison.

  Comparisons which only one of them judged count in `unpaired` only.

  Args:
    first: Any number of judgements for each comparison, in either order.
    second: As `first`.
    comparisons: What was judged, by uid or in a sequence.
    invalid: What an answer without a verdict scores.

  Returns:
    `comparisons`, `unpaired`: how many; `queries`: of how many they are;
    `first`, `second`: their `accuracy`, `low`, `high`;
    `difference`, `low`, `high`, `p`: second less first, see `difference`;
    `mcnemar`: over majority verdicts, see `mcnemar`;
    `subsets`: `difference`, `low`, `high`, `p`, `comparisons` of each.

  Raises:
    ValueError: no labelled comparison was judged by both, or what
      `accuracy.summary` raises for.
  """
  known = scores.by_uid(comparisons)
  groups = [scores.grouped(judged, known) for judged in (first, second)]
  both = [u for u in groups[0] if u in groups[1] and known[u].label is not None]
  if not both:
    raise ValueError(
      "the two runs share no labelled comparison; give two runs on the same "
      "data, whose ids are the same"
    )
  pairs = [{uid: group[uid] for uid in both} for group in groups]
  one, other = (scores.means(pair, known, invalid) for pair in pairs)
  queries = scores.queries(both, known)
  parts = {
    name: [place for place, uid in enumerate(both) if known[uid].subset == name]
    for name in scores.by_subset(pairs[0], known)
  }
  return {
    "comparisons": len(both),
    "queries": len(set(queries)),
    "unpaired": len(set(groups[0]) ^ set(groups[1])),
    "first": scores.interval(one, clusters=queries),
    "second": scores.interval(other, clusters=queries),
    **difference(other - one, queries),
    "mcnemar": mcnemar(*(_majorities(pair, known) for pair in pairs)),
    "subsets": [
      {
        "subset": name,
        **difference((other - one)[here], [queries[place] for place in here]),
        "comparisons": len(here),
      }
      for name, here in parts.items()
    ],
  }


def difference(
  gaps: Float[np.ndarray, " comparisons"],
  clusters: Sequence[Hashable] | None = None,
  seed: int = 0,
) -> dict:
  """The mean of paired differences, and whether it could be chance.

  Args:
    gaps: One for each comparison.
    clusters: What each is of, if some are of the same; those have one sign.
    seed: Of what is drawn.

  Returns:
    `difference`, `low`, `high`, and `p` as `intervals.p_of_signs`.
  """
  means, sizes = intervals.clustered(gaps, clusters)
  return {
    **scores.interval(gaps, "difference", clusters),
    "p": round(intervals.p_of_signs(means * sizes, seed=seed), 5),
  }


def mcnemar(first: Sequence[float], second: Sequence[float]) -> dict:
  """McNemar's exact test of who is right where the other is wrong.

  Args:
    first: Of each comparison: 1 right, 0 wrong, 0.5 undecided.
    second: As `first`, of the other judge.

  Returns:
    `both_right`, `only_first`, `only_second`, `both_wrong`, `undecided` (by
    either), and the two-sided `p`; 1 where neither is ever alone.

  Source: McNemar 1947; Fagerland et al. 2013 for the exact form.
  """
  cells = {(1, 1): 0, (1, 0): 0, (0, 1): 0, (0, 0): 0}
  undecided = 0
  for pair in zip(first, second, strict=True):
    if 0.5 in pair:
      undecided += 1
    else:
      cells[int(pair[0]), int(pair[1])] += 1
  alone = cells[1, 0] + cells[0, 1]
  from scipy import stats  # a second to import; most binaries need none of it

  p = stats.binomtest(cells[1, 0], alone).pvalue if alone else 1.0
  return {
    "both_right": cells[1, 1],
    "only_first": cells[1, 0],
    "only_second": cells[0, 1],
    "both_wrong": cells[0, 0],
    "undecided": undecided,
    "p": float(f"{p:.3g}"),
  }


def _majorities(
  groups: Mapping[str, Sequence[Judgement]], known: Mapping[str, Comparison]
) -> list[float]:
  """Whether the majority of each comparison's verdicts is right."""
  found = []
  for uid, group in groups.items():
    winners = [judgement.verdict.winner for judgement in group]
    right = winners.count(known[uid].label)
    wrong = len(winners) - right - winners.count(None)
    found.append(float(np.sign(right - wrong) + 1) / 2)
  return found
