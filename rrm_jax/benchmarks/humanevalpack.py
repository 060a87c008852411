"""HumanEvalPack (Muennighoff et al. 2024, arXiv:2308.07124) as pairs.

164 problems in six languages, each with a correct and a buggy solution, as in
RewardBench's hep subsets. Fields as published: `task_id`, `instruction`,
`declaration`, `canonical_solution`, `buggy_solution`. The score is the share of
pairs, which is the mean of the languages as they have the same problems. A
problem in six languages is one cluster.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.plain import pooled
from rrm_jax.benchmarks.score import Score


def score(values: Sequence[Value]) -> Score:
  """RewardBench's rule for these subsets alone, clustered by problem."""
  return pooled(values, cluster=_problem)


def _problem(uid: str) -> str:
  """What one problem's pairs share, named SET-LANGUAGE-PROBLEM."""
  return uid.rpartition("-")[2]
