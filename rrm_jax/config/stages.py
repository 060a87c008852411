"""The stages of a job: one recipe each."""

import dataclasses
from typing import Literal

from rrm_jax.config.data import Template, Traces
from rrm_jax.config.learning import Objective, Optimizer
from rrm_jax.config.sampling import Sampling


@dataclasses.dataclass(frozen=True)
class Gate:
  """When a warm start may end: its worked steps are right often enough.

  Every `every` steps, `comparisons` held-out prompts are sampled; the stage
  ends at the first check where at least `step_accuracy` of the steps which
  the model wrote are right.
  """

  every: int
  step_accuracy: float
  comparisons: int = 128


@dataclasses.dataclass(frozen=True)
class Sft:
  """A supervised stage: next-token loss on completions.

  Rows are padded to `row_tokens`. `start` names an earlier stage, "" the job's
  `init_from`. `curriculum` gives the largest difficulty shown in each equal
  part of the stage, () all.
  """

  steps: int
  batch_size: int
  optimizer: Optimizer
  row_tokens: int = 4_096
  recipe: Literal["sft"] = "sft"
  start: str = ""
  template: Template = Template()
  traces: Traces = Traces()
  curriculum: tuple[int, ...] = ()
  gate: Gate | None = None
  microbatches: int = 1


@dataclasses.dataclass(frozen=True)
class Grpo:
  """A stage of group-relative policy optimization on verdict rewards.

  Each step judges `comparisons` (P) with `samples` (G) completions each and
  makes `minibatches` optimizer updates, each accumulated over `microbatches`.
  `labels="random"` replaces each label by a coin flip: the control.
  Where it learns, a prompt is read once for `shared_samples` completions, 0 for
  all of its group: these rows stay together in a microbatch.
  """

  steps: int
  comparisons: int
  samples: int
  optimizer: Optimizer
  sampling: Sampling
  recipe: Literal["grpo"] = "grpo"
  start: str = ""
  template: Template = Template()
  objective: Objective = Objective()
  curriculum: tuple[int, ...] = ()
  labels: Literal["given", "random"] = "given"
  shared_samples: int = 0
  minibatches: int = 1
  microbatches: int = 1

  def __post_init__(self) -> None:
    drawn = self.sampling
    if drawn.temperature == 0:
      raise ValueError(
        f"{drawn}: greedy samples of a prompt are all alike, and have no "
        "log-probabilities; set a temperature above 0"
      )
    kept = drawn.top_k == 0 and drawn.top_p == 1 and drawn.min_p == 0
    if self.objective.kl_coefficient and not kept:
      raise ValueError(
        f"{drawn}: the divergence from the reference is infinite where a "
        "filter drops what the reference would say; set top_k=0, top_p=1, "
        "min_p=0, or objective.kl_coefficient=0"
      )
    if self.samples < 2:
      raise ValueError(
        f"samples={self.samples}: a group of one has no relative advantage"
      )
    if self.shared_samples and self.samples % self.shared_samples:
      raise ValueError(
        f"shared_samples={self.shared_samples} does not divide samples="
        f"{self.samples}"
      )
    if self.prefixes % (self.minibatches * self.microbatches):
      raise ValueError(
        f"comparisons={self.comparisons} with shared_samples="
        f"{self.shared_samples} are {self.prefixes} prompts to read, which do "
        f"not split into minibatches={self.minibatches} of microbatches="
        f"{self.microbatches}"
      )

  @property
  def prefixes(self) -> int:
    """How often a prompt is read in learning."""
    together = self.shared_samples or self.samples
    return self.comparisons * self.samples // together


Stage = Sft | Grpo
