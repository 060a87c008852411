"""An evaluation: how comparisons are put to a judge, and what counts."""

import dataclasses

from rrm_jax.config.judge import Judge, Order
from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Evaluate(Judge):
  """How `launch.evaluate` puts comparisons to a judge, and what counts.

  Both orders stand in place of RRM's one at random: the first shown wins more
  often than it should with most judges.

  Attributes:
    samples: Votes, with "both" in each order; the report has their majority.
    order: The data's, one by a stable hash of the comparison, both, or one by
      a stable hash of the vote.
    invalid: What a judgement without a verdict scores: 0.5 in RRM's protocol,
      0 in RM-R1's.
  """

  samples: int = 1
  order: Order = "both"
  invalid: float = 0.5

  def __post_init__(self) -> None:
    at_least(1, self, "samples")
    if not 0 <= self.invalid <= 1:
      raise ValueError(f"invalid={self.invalid} is not in [0, 1]")
