"""What an update ascends, and how far it goes."""

import dataclasses
from typing import Literal

from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Optimizer:
  """AdamW with a schedule over a stage's updates, `minibatches` in each step.

  Attributes:
    learning_rate: Its peak.
    schedule: What follows the warm-up: the peak to the end, or a descent by a
      line or half a cosine to the stage's last update.
    warmup_steps: Updates until the peak is reached, by a line.
    final_fraction: Where "linear" and "cosine" end, as a share of the peak.
    b1: Decay of the first moment.
    b2: Decay of the second.
    eps: Added to the second moment's root.
    weight_decay: Decoupled, of matrices alone, times the rate.
    clip_norm: The most that a gradient's global norm may be; 0 for no bound.
  """

  learning_rate: float = 1e-6
  schedule: Literal["constant", "linear", "cosine"] = "constant"
  warmup_steps: int = 0
  final_fraction: float = 0.0
  b1: float = 0.9
  b2: float = 0.999
  eps: float = 1e-8
  weight_decay: float = 0.0
  clip_norm: float = 1.0

  def __post_init__(self) -> None:
    at_least(0, self, "learning_rate", "warmup_steps", "final_fraction")
    at_least(0, self, "b1", "b2", "eps", "weight_decay", "clip_norm")
    if self.b1 >= 1 or self.b2 >= 1:
      raise ValueError(f"b1={self.b1} and b2={self.b2} must be below 1")


@dataclasses.dataclass(frozen=True)
class Objective:
  """What reinforcement learning ascends; by default GRPO's, summed as DAPO's.

  Attributes:
    policy: "clip", PPO's surrogate; "gspo", with the ratio of whole sequences
      (its paper's aggregation is "sequence"); "cispo", the clipped ratio as a
      weight; "reinforce", without ratios. Formulas and sources are in
      `rl/losses.py`.
    clip_low: A ratio is clipped below 1 - clip_low,
    clip_high: and above 1 + clip_high; neither by "reinforce". GSPO's ratios
      are close to 1: its paper has 3e-4 and 4e-4.
    dual_clip: With "clip", the most that a ratio weighs where the advantage is
      negative; above 1, or 0 for no such bound.
    aggregation: "token" is a mean over all tokens of a minibatch, "sequence"
      one over rows of each row's mean, "fixed" a sum over rows and the most
      tokens a row may have (Dr. GRPO).
    baseline: Taken off a reward: the mean of its "group", that of its group
      without it ("leave_one_out", RLOO), or that of the whole "batch".
    std_normalized: Divides by the standard deviation of the group, or batch.
    kl_coefficient: Weighs the divergence from the stage's starting weights;
      at 0 no reference is kept.
    kl_estimator: Which of Schulman's estimates of it.
    kl_in: Whether it is part of the loss, each token's with the tokens, or
      taken off the rewards, the sum of a sample's. There `std_normalized`
      over the group divides it too: in a group that is all right or all wrong,
      even a divergence of rounding then counts as much as a verdict.
    importance_cap: Truncated importance sampling: the learner's own
      log-probabilities are the old ones, and a token weighs as many times more
      as it is likelier there than in the sampler, at most this often. 0 takes
      the sampler's as they are.
  """

  policy: Literal["clip", "gspo", "cispo", "reinforce"] = "clip"
  clip_low: float = 0.2
  clip_high: float = 0.2
  dual_clip: float = 0.0
  aggregation: Literal["token", "sequence", "fixed"] = "token"
  baseline: Literal["group", "leave_one_out", "batch"] = "group"
  std_normalized: bool = True
  kl_coefficient: float = 0.0
  kl_estimator: Literal["k1", "k2", "k3"] = "k3"
  kl_in: Literal["loss", "reward"] = "loss"
  importance_cap: float = 0.0

  def __post_init__(self) -> None:
    if self.dual_clip and (self.dual_clip <= 1 or self.policy != "clip"):
      raise ValueError(
        f"dual_clip={self.dual_clip} with policy={self.policy!r}: it bounds "
        'the ratio of policy="clip" and must be above 1, or 0 for none'
      )
    if self.baseline == "leave_one_out" and self.std_normalized:
      raise ValueError(
        'baseline="leave_one_out" is not divided by a deviation; set '
        "std_normalized=False"
      )
    at_least(0, self, "clip_low", "clip_high", "importance_cap")
    at_least(0, self, "kl_coefficient")
    if 0 < self.importance_cap < 1:
      raise ValueError(
        f"importance_cap={self.importance_cap} would make even what sampler "
        "and learner agree on weigh less; set it to 1 or more, or 0 for none"
      )
    if (
      self.kl_in == "loss" and self.kl_coefficient and self.kl_estimator == "k1"
    ):
      raise ValueError(
        'kl_estimator="k1" has no gradient on average when it is in the loss; '
        'take "k2" or "k3", or kl_in="reward"'
      )
