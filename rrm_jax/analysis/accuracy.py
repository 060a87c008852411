"""How often a judge is right, and what it spends and how it errs."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rrm_jax.analysis import bias, scores
from rrm_jax.records import Comparison, Finish, Invalid, Judgement


def summary(
  judgements: Iterable[Judgement],
  comparisons: scores.Comparisons,
  *,
  invalid: float = 0.5,
) -> dict:
  """The figures of one run of a judge, ready for JSON.

  Accuracy is the mean over comparisons of each one's mean score, so that each
  comparison counts once however many votes it got; its interval resamples
  queries with all their comparisons. What has no label counts in all else.

  Args:
    judgements: Any number for each comparison, in either order.
    comparisons: What was judged, by uid or in a sequence; more is fine.
    invalid: What an answer without a verdict scores: 0.5 in the protocol of
      RRM's evaluation (RewardBench's convention), 0 in that of RM-R1.

  Returns:
    `accuracy`, `low`, `high` (None if nothing has a label);
    `judgements`, `comparisons`, `unlabelled`: how many of each, the latter
      two among the judged;
    `invalid_rate`, and `invalid`: judgements by reason;
    `finish`: judgements by how they ended;
    `thinking_tokens`, `completion_tokens`: means over judgements;
    `first_rate`: share of verdicts for the response shown first, 0.5 for a
      judge without position bias and None for one without verdicts;
    `flip_rate`, `pairs`: where one sample_id judged both orders with two
      verdicts, the share of such pairs that disagree, and their number; the
      rate is None without pairs; in both rates each comparison counts once;
    `subsets`: a row for each, the easiest first, with `subset`, `accuracy`,
      `low`, `high`, `comparisons`, `unlabelled`, `thinking_tokens`.

  Raises:
    ValueError: a judgement's uid is unknown, a judgement is there twice,
      there are none, or `invalid` is no share of a point.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  flat = list(itertools.chain.from_iterable(groups.values()))
  reasons = Counter(judgement.verdict.invalid for judgement in flat)
  finishes = Counter(judgement.finish for judgement in flat)
  flips = bias.flips(groups)
  return {
    **scores.accuracy(groups, known, invalid),
    "judgements": len(flat),
    "comparisons": len(groups),
    "unlabelled": _unlabelled(groups, known),
    "invalid_rate": round(1 - reasons[None] / len(flat), 4),
    "invalid": {reason.value: reasons[reason] for reason in Invalid},
    "finish": {finish.value: finishes[finish] for finish in Finish},
    "thinking_tokens": _mean([j.thinking_tokens for j in flat]),
    "completion_tokens": _mean([j.completion_tokens for j in flat]),
    "first_rate": _rate(bias.shown_first(groups)),
    "flip_rate": _rate(flips),
    "pairs": len(flips),
    "subsets": _subsets(groups, known, invalid),
  }


def _mean(values: Sequence[int]) -> float:
  return round(float(np.mean(values)), 4)


def _rate(values: Sequence[tuple[str, float]]) -> float | None:
  """The mean over comparisons of what they come to on average."""
  return scores.over_comparisons(values, "rate")["rate"]


def _subsets(
  groups: Mapping[str, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
  invalid: float,
) -> list[dict]:
  return [
    {
      "subset": subset,
      **scores.accuracy(part, comparisons, invalid),
      "comparisons": len(part),
      "unlabelled": _unlabelled(part, comparisons),
      "thinking_tokens": _mean(
        [j.thinking_tokens for group in part.values() for j in group]
      ),
    }
    for subset, part in scores.by_subset(groups, comparisons).items()
  ]


def _unlabelled(
  uids: Iterable[str], comparisons: Mapping[str, Comparison]
) -> int:
  return sum(comparisons[uid].label is None for uid in uids)
