"""Pairs of a right and a wrong solution of a GSM8K question.

GSM8K (Cobbe et al. 2021, arXiv:2110.14168) with the released solutions of four
models, each verified by its final number: 2,429 pairs over 731 questions. The
rule is ours: the share of pairs that were judged right. Pairs of one question
are one cluster, as they are right or wrong together.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.plain import pooled
from rrm_jax.benchmarks.score import Score


def question(uid: str) -> str:
  """What pairs of one question share: all but the two solutions' numbers."""
  return uid.rsplit("-", 2)[0]


def score(values: Sequence[Value]) -> Score:
  """The share of right pairs, with the interval clustered by question."""
  return pooled(values, cluster=question)
