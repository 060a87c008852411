"""PPE's correctness sets (Frick et al. 2024, arXiv:2410.14872).

MMLU-Pro, MATH and GPQA: 512 prompts each with 32 answers of one model, right
or wrong. Fields as published: `prompt`, `response_1` to `response_32`,
`scores`, `sampled_conflict_pairs`.

Binary: five fixed pairs a prompt, one answer right and one wrong, 2,560 in a
set (one pair in each of five rounds, perhaps the same in two); the RRM paper
shows each in one order and averages the three sets. Best of 32: the judge's
choice among all is right or not, by a knockout in the paper.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.plain import averaged
from rrm_jax.benchmarks.score import Score


def score(values: Sequence[Value]) -> Score:
  """The published rule for pairs; sections are the sets that were judged."""
  return averaged(values, cluster=_prompt)


def best_of(chosen: Sequence[Value]) -> Score:
  """The published rule for the best of 32.

  Args:
    chosen: For each prompt whether the choice is right, 1 or 0.
  """
  return averaged(chosen)


def _prompt(uid: str) -> str:
  """What the pairs of a prompt share, named PROMPT/ROUND/RIGHT-WRONG."""
  return uid.partition("/")[0]
