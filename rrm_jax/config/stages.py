"""The stages of a job: one recipe each."""

import dataclasses
from typing import Literal

from rrm_jax.config.data import Template, Traces
from rrm_jax.config.learning import Objective, Optimizer
from rrm_jax.config.sampling import Sampling
from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Gate:
  """When a warm start may end: its worked steps are right often enough.

  Every `every` steps and at the stage's last, `comparisons` held-out prompts
  are sampled; the stage ends at the first check where at least `step_accuracy`
  of the steps which the model wrote are right. If none is, that is an error.
  """

  every: int
  step_accuracy: float
  comparisons: int = 128

  def __post_init__(self) -> None:
    at_least(1, self, "every", "comparisons")
    if not 0 <= self.step_accuracy <= 1:
      raise ValueError(f"step_accuracy={self.step_accuracy} is not in [0, 1]")


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

  def __post_init__(self) -> None:
    at_least(0, self, "steps")
    at_least(1, self, "batch_size", "row_tokens", "microbatches")
    if self.batch_size % self.microbatches:
      raise ValueError(
        f"batch_size={self.batch_size} does not split into microbatches="
        f"{self.microbatches}"
      )


@dataclasses.dataclass(frozen=True)
class Grpo:
  """A stage of group-relative policy optimization on verdict rewards.

  Each step judges `comparisons` (P) with `samples` (G) completions each and
  makes `minibatches` optimizer updates, each accumulated over `microbatches`.
  `start`, `template` and `curriculum` are as of `Sft`. `labels="random"` has a
  coin's label in place of each: the control, whose accuracy and rollouts go by
  the coin as well.
  Where it learns, a prompt is read once for `shared_samples` completions, 0 for
  all of its group: these rows stay together in a microbatch.

  `pass_rates` are the least and the greatest share of right samples that a
  group to learn from may have; () keeps all groups. With them, a group whose
  rewards are all equal is dropped too, so [0, 1] drops nothing else. What is
  dropped weighs nothing, nor does its divergence from the reference. In each of
  at most `resampling_rounds` further rounds, other comparisons are judged in
  the place of those that would be dropped.
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
  pass_rates: tuple[float, ...] = ()
  resampling_rounds: int = 0

  def __post_init__(self) -> None:
    at_least(0, self, "steps", "shared_samples", "resampling_rounds")
    at_least(1, self, "comparisons", "minibatches", "microbatches")
    self._check_sampling()
    self._check_split()
    self._check_selection()

  def _check_sampling(self) -> None:
    drawn, template = self.sampling, self.template
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
    if drawn.answer_budget >= 0 and not (template.thinking and template.tagged):
      raise ValueError(
        f"answer_budget={drawn.answer_budget} counts from a thought's closing "
        f"tag, which {template} has none of; set it to -1"
      )

  def _check_split(self) -> None:
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

  def _check_selection(self) -> None:
    rates, rounds = self.pass_rates, self.resampling_rounds
    if rounds and not rates:
      raise ValueError(
        f"resampling_rounds={rounds} with pass_rates={rates}: set it to 0, or "
        "pass_rates, such as [0, 1], by which groups are dropped"
      )
    if not rates:
      return
    shares = [right / self.samples for right in range(1, self.samples)]
    if len(rates) != 2 or not any(rates[0] <= x <= rates[1] for x in shares):
      raise ValueError(
        f"pass_rates={rates} must be two shares, the least and the greatest, "
        f"with a multiple of 1 / samples={self.samples} between them that is "
        "neither 0 nor 1: other groups have rewards that are all equal"
      )
    if self.objective.baseline == "batch":
      raise ValueError(
        f'pass_rates={rates} with baseline="batch": there a group whose '
        "rewards are all equal has an advantage, and is not to be dropped; set "
        "another baseline, or pass_rates=[]"
      )

  @property
  def prefixes(self) -> int:
    """How often a prompt is read in learning."""
    together = self.shared_samples or self.samples
    return self.comparisons * self.samples // together


Stage = Sft | Grpo
