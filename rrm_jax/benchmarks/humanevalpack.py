"""HumanEvalPack (Muennighoff et al. 2024, arXiv:2308.07124) as pairs.

164 problems in six languages, each with a correct and a buggy solution, as in
RewardBench's hep subsets. Fields as published: `task_id`, `instruction`,
`declaration`, `canonical_solution`, `buggy_solution`. The score is the mean of
the six languages.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.plain import averaged
from rrm_jax.benchmarks.score import Score

LANGUAGES = ("cpp", "go", "java", "js", "python", "rust")
PROBLEMS = 164


def score(values: Sequence[Value]) -> Score:
  """RewardBench's rule for these subsets alone."""
  return averaged(values)
