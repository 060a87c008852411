"""What a verdict is worth in training."""

from rrm_jax.records import Verdict


def reward(verdict: Verdict, label: int) -> float:
  """The training reward: +1 for the labelled response, else -1.

  An invalid verdict selects nothing and earns -1; there is no reward for
  format. Source: RRM (Guo et al. 2025, arXiv:2505.14674), the section on
  reward reasoning via reinforcement learning; RM-R1 (Chen et al. 2025,
  arXiv:2505.02387) has the same.

  Args:
    verdict: In the same order as the label.
    label: 1 or 2, the better response.

  Raises:
    ValueError: the label is neither.
  """
  if label not in (1, 2):
    raise ValueError(
      f"label={label!r} must be 1 or 2, the better response; leave unlabelled "
      "comparisons out"
    )
  return 1.0 if verdict.winner == label else -1.0
