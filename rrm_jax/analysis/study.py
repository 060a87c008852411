"""All that can be said of a judge from what it said."""

from collections.abc import Mapping, Sequence

from rrm_jax.analysis import (
  accuracy,
  bias,
  calibration,
  effort,
  paired,
  patterns,
  scores,
  test_time,
)
from rrm_jax.records import Comparison, Judgement

_MOST_POINTS = 9


def figures(
  judgements: Sequence[Judgement],
  comparisons: Mapping[str, Comparison],
  lengths: bias.Lengths,
  kinds: patterns.Patterns = patterns.PATTERNS,
  invalid: float = 0.5,
) -> dict:
  """One judge's figures, ready for JSON.

  Args:
    judgements: Any number for each comparison, in either order.
    comparisons: What was judged, by uid.
    lengths: Characters of the two responses of each, where they are known.
    kinds: The words to count in thoughts.
    invalid: What an answer without a verdict scores.

  Returns:
    `summary`: `accuracy.summary`;
    `votes`: `effort.by_votes`, for odd numbers of votes up to what all labelled
      comparisons have;
    `right_per_1000_tokens`: `effort`'s;
    `by_thought`, `by_agreement`: `effort`'s;
    `length`: `test_time.length_by_subset`;
    `patterns`: `patterns.counts`, None where no thoughts were kept;
    `position`: `bias.position`;
    `length_bias`: `bias.length`, None where some lengths are not known;
    `rates`: `bias.rates`;
    `calibration`: `calibration.vote_share`.

  Raises:
    ValueError: as `accuracy.summary`.
  """
  measured = all(judgement.uid in lengths for judgement in judgements)
  return {
    "summary": accuracy.summary(judgements, comparisons, invalid=invalid),
    "votes": effort.by_votes(
      judgements, comparisons, _ks(judgements, comparisons)
    ),
    "right_per_1000_tokens": effort.right_per_1000_tokens(
      judgements, comparisons
    ),
    "by_thought": effort.by_thought(judgements, comparisons, invalid=invalid),
    "by_agreement": effort.by_agreement(
      judgements, comparisons, invalid=invalid
    ),
    "length": test_time.length_by_subset(judgements, comparisons),
    "patterns": patterns.counts(judgements, kinds)
    if _thoughts(judgements)
    else None,
    "position": bias.position(judgements, comparisons),
    "length_bias": bias.length(judgements, comparisons, lengths)
    if measured
    else None,
    "rates": bias.rates(judgements, comparisons),
    "calibration": calibration.vote_share(judgements, comparisons),
  }


def compared(
  first: Sequence[Judgement],
  second: Sequence[Judgement],
  comparisons: Mapping[str, Comparison],
  kinds: patterns.Patterns = patterns.PATTERNS,
  invalid: float = 0.5,
) -> dict:
  """Two judges on the same comparisons, ready for JSON.

  Returns:
    `paired`: `paired.compare`, the first beside the second;
    `patterns`: `patterns.compare`, None where one kept no thoughts.

  Raises:
    ValueError: as `paired.compare`.
  """
  return {
    "paired": paired.compare(first, second, comparisons, invalid=invalid),
    "patterns": patterns.compare(first, second, kinds)
    if _thoughts(first) and _thoughts(second)
    else None,
  }


def budgets(
  runs: Mapping[int, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
  invalid: float = 0.5,
) -> list[dict]:
  """`test_time.budget_curve`, with the mean `tokens` written under each.

  Raises:
    ValueError: as `test_time.budget_curve`.
  """
  spent = {
    budget: round(sum(j.completion_tokens for j in made) / len(made), 1)
    for budget, made in runs.items()
  }
  rows = test_time.budget_curve(runs, comparisons, invalid=invalid)
  return [{**row, "tokens": spent[row["budget"]]} for row in rows]


def _thoughts(judgements: Sequence[Judgement]) -> bool:
  """Whether the judge thinks, and its texts are there."""
  return any(one.text and one.thinking_tokens for one in judgements)


def _ks(
  judgements: Sequence[Judgement], comparisons: Mapping[str, Comparison]
) -> list[int]:
  """Odd numbers of votes that every labelled comparison has."""
  groups = scores.grouped(judgements, comparisons)
  most = min(
    (len(g) for u, g in groups.items() if comparisons[u].label is not None),
    default=0,
  )
  odd = list(range(1, most + 1, 2))
  step = -(-len(odd) // _MOST_POINTS)
  return odd[::step] if odd else []
