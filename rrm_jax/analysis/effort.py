"""What a judge's tokens buy, and what it spends them on."""

from collections.abc import Iterable, Sequence

import numpy as np

from rrm_jax.analysis import scores, test_time
from rrm_jax.records import Judgement


def by_votes(
  judgements: Sequence[Judgement],
  comparisons: scores.Comparisons,
  ks: Sequence[int],
) -> list[dict]:
  """Accuracy by the tokens that k votes write, for each k.

  Returns:
    The rows of `test_time.votes` with `tokens`: k times the mean of what the
    judge wrote for one.

  Raises:
    ValueError: as `test_time.votes`.
  """
  mean = float(np.mean([j.completion_tokens for j in judgements]))
  return [
    {**row, "tokens": round(row["k"] * mean, 1)}
    for row in test_time.votes(judgements, comparisons, ks)
  ]


def right_per_1000_tokens(
  judgements: Sequence[Judgement], comparisons: scores.Comparisons
) -> float | None:
  """Right verdicts on labelled comparisons for each 1,000 tokens written."""
  known = scores.by_uid(comparisons)
  labelled = [j for j in judgements if known[j.uid].label is not None]
  tokens = sum(j.completion_tokens for j in labelled)
  right = sum(j.verdict.winner == known[j.uid].label for j in labelled)
  return round(1000 * right / tokens, 4) if tokens else None


def by_thought(
  judgements: Iterable[Judgement],
  comparisons: scores.Comparisons,
  *,
  parts: int = 6,
  invalid: float = 0.5,
) -> list[dict]:
  """Accuracy of the shortest thoughts, of the next longer ones, and so on.

  Harder comparisons are thought about for longer, so that accuracy falls with
  length says that length tells difficulty, not that thinking harms; what
  thinking does is in `test_time.budget_curve`.

  Returns:
    A row for each of up to `parts` equal shares of the judgements of labelled
    comparisons, from short to long: `thinking_tokens` (their mean), `accuracy`,
    `low`, `high`, `judgements`. Thoughts of one length are in one share.

  Raises:
    ValueError: as `accuracy.summary`.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  flat = [j for g in groups.values() for j in g if known[j.uid].label]
  if not flat:
    return []
  lengths = np.array([judgement.thinking_tokens for judgement in flat])
  edges = np.unique(np.quantile(lengths, np.arange(1, parts) / parts))
  shares = np.searchsorted(edges, lengths)
  rows = []
  for share in np.unique(shares):
    part = [j for j, s in zip(flat, shares, strict=True) if s == share]
    points = [(j.uid, scores.points(j, known[j.uid], invalid)) for j in part]
    rows.append(
      {
        "thinking_tokens": round(float(lengths[shares == share].mean()), 1),
        **scores.over_comparisons(points),
        "judgements": len(part),
      }
    )
  return rows


def by_agreement(
  judgements: Iterable[Judgement],
  comparisons: scores.Comparisons,
  *,
  parts: int = 5,
  invalid: float = 0.5,
) -> dict:
  """Thinking length by difficulty, which is how often votes are wrong.

  Where no one has said how hard a comparison is, the judge's own votes tell: of
  the easiest all are right. This needs several votes on each.

  Returns:
    `levels`: a row for each of up to `parts` equal spans of the share of wrong
      votes, the easiest first: `wrong` (mean share, a vote without a verdict
      wrong by one less `invalid`), `thinking_tokens`, `low`, `high`,
      `comparisons`; empty where nothing was judged more than once;
    `spearman`: over comparisons, of the two; None where one does not vary.

  Raises:
    ValueError: as `accuracy.summary`.
  """
  known = scores.by_uid(comparisons)
  groups = {
    uid: group
    for uid, group in scores.grouped(judgements, known).items()
    if known[uid].label is not None and len(group) > 1
  }
  if not groups:
    return {"levels": [], "spearman": None}
  wrong = 1 - scores.means(groups, known, invalid)
  tokens = np.array(
    [np.mean([j.thinking_tokens for j in group]) for group in groups.values()]
  )
  # One less 0.8 is a little less than 0.2, which begins a span.
  levels = np.minimum((wrong * parts + 1e-9).astype(int), parts - 1)
  rows = [
    {
      "wrong": round(float(wrong[levels == level].mean()), 4),
      **scores.interval(tokens[levels == level], "thinking_tokens"),
      "comparisons": int((levels == level).sum()),
    }
    for level in np.unique(levels)
  ]
  from scipy import stats  # a second to import; most binaries need none of it

  varies = np.ptp(wrong) > 0 and np.ptp(tokens) > 0
  rank = stats.spearmanr(wrong, tokens).statistic if varies else None
  return {
    "levels": rows,
    "spearman": None if rank is None else round(float(rank), 4),
  }
