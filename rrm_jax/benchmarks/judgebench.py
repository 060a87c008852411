"""JudgeBench (Tan et al. 2025, arXiv:2410.12784): 350 and 270 pairs.

Fields as published: `pair_id`, `source`, `question`, `response_A`,
`response_B`, `label` ("A>B" or "B>A"), with answers of GPT-4o or of Claude 3.5
Sonnet. The published rule shows each pair in both orders and nets the two
verdicts: right counts +1, wrong -1, a tie or no verdict 0, and a pair is right
if the sum is positive. A judge that flips with the order is therefore wrong
there. The score is the share of all pairs; tables have its four categories.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks.outcomes import Outcome, Value, by_comparison
from rrm_jax.benchmarks.plain import pooled
from rrm_jax.benchmarks.score import Score

# A pair's `source` begins with one of these.
CATEGORIES = {
  "mmlu-pro": "Knowledge",
  "livebench-reasoning": "Reasoning",
  "livebench-math": "Math",
  "livecodebench": "Coding",
}


def category(source: str) -> str:
  """The category of a pair, by where its question is from.

  Raises:
    ValueError: the source is of none of them.
  """
  for prefix, name in CATEGORIES.items():
    if source.startswith(prefix):
      return name
  raise ValueError(
    f"source={source!r} must begin with one of {', '.join(CATEGORIES)}"
  )


def score(values: Sequence[Value]) -> Score:
  """The share of pairs; the sections are the four categories.

  Raises:
    ValueError: a subset is of no category.
  """
  return pooled([v._replace(subset=category(v.subset)) for v in values])


def netted(outcomes: Sequence[Outcome], invalid: float) -> list[Value]:
  """The published rule for one pair, from its verdicts in both orders."""
  del invalid  # no verdict is 0, whatever it is worth elsewhere
  return [
    Value(uid, group[0].subset, float(sum(map(_sign, group)) > 0))
    for uid, group in by_comparison(outcomes).items()
  ]


def details(outcomes: Sequence[Outcome]) -> dict:
  """How often all verdicts on a pair are right, and how often none is."""
  shares = [
    sum(_sign(one) > 0 for one in group) / len(group)
    for group in by_comparison(outcomes).values()
  ]
  return {
    "all_right": round(sum(share == 1 for share in shares) / len(shares), 4),
    "all_wrong": round(sum(share == 0 for share in shares) / len(shares), 4),
  }


def _sign(outcome: Outcome) -> int:
  if not outcome.winner:
    return 0
  return 1 if outcome.winner == outcome.label else -1
