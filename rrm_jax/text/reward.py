"""What a verdict is worth, in training and in evaluation."""

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
  return 1.0 if _right(verdict, label) else -1.0


def score(verdict: Verdict, label: int, invalid: float) -> float:
  """The accuracy of one verdict: 1 if right, 0 if wrong, else `invalid`.

  Args:
    verdict: In the same order as the label.
    label: 1 or 2, the better response.
    invalid: What an invalid verdict counts: 0.5 in the RRM paper's protocol,
      0 in RM-R1's. It moves results, so there is no default.

  Raises:
    ValueError: the label is neither 1 nor 2.
  """
  right = _right(verdict, label)
  return invalid if verdict.winner is None else float(right)


def _right(verdict: Verdict, label: int) -> bool:
  if label not in (1, 2):
    raise ValueError(
      f"label={label!r} must be 1 or 2, the better response; leave unlabelled "
      "comparisons out"
    )
  return verdict.winner == label
