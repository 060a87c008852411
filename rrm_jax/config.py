"""Every number of a run, as frozen dataclasses, one per component.

A config file in `configs/` returns a nested mapping; `from_mapping` turns it
into a `Job`. Unknown keys, wrong types and impossible values are errors which
name the field and the nearest right name. Nothing else in the project reads a
mapping: what a function needs, it takes as one of these types.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from rrm_jax.mapping import complete as complete
from rrm_jax.mapping import from_mapping as from_mapping
from rrm_jax.mapping import to_mapping as to_mapping


@dataclasses.dataclass(frozen=True)
class Yarn:
  """Rotary positions stretched beyond those trained on (arXiv 2309.00071).

  `attention_factor` scales cosine and sine; None takes the paper's
  0.1 ln(factor) + 1.
  """

  factor: float
  original_positions: int
  beta_fast: float = 32.0
  beta_slow: float = 1.0
  attention_factor: float | None = None
  truncated: bool = True


@dataclasses.dataclass(frozen=True)
class Model:
  """A Qwen2 decoder's shape; the field's usual letters in brackets.

  In the layers that `sliding_layers` lists, a token sees `sliding_window`
  tokens, itself included. `max_positions` is the longest row that the model
  is made for.
  """

  vocab_size: int  # V
  embed_dim: int  # D
  mlp_dim: int
  num_layers: int  # L
  num_heads: int  # H
  num_kv_heads: int  # K
  head_dim: int
  rope_theta: float = 1e6
  norm_eps: float = 1e-6
  tied_embeddings: bool = False
  max_positions: int = 32_768
  yarn: Yarn | None = None
  sliding_window: int = 0
  sliding_layers: tuple[int, ...] = ()
  compute_dtype: Literal["float32", "bfloat16"] = "float32"
  remat: Literal["none", "full"] = "none"

  def __post_init__(self) -> None:
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
        f"num_heads={self.num_heads} is no multiple of num_kv_heads="
        f"{self.num_kv_heads}; each KV head serves a group of query heads"
      )
    if self.head_dim % 2:
      raise ValueError(f"head_dim={self.head_dim} must be even for RoPE")
    if self.sliding_layers and self.sliding_window < 1:
      raise ValueError(
        f"sliding_layers={self.sliding_layers} need a sliding_window of at "
        f"least 1, it is {self.sliding_window}"
      )


@dataclasses.dataclass(frozen=True)
class Mesh:
  """How many devices along each mesh axis; one may be -1 for the rest."""

  data: int = 1
  fsdp: int = -1
  tensor: int = 1


@dataclasses.dataclass(frozen=True)
class Data:
  """Where comparisons come from.

  `source` is "arithmetic" (the built-in verifiable task), "gsm8k" (verified
  solution pairs), or a JSONL file. The remaining fields of the first group
  shape the built-in task.
  """

  source: str = "arithmetic"
  operators: str = "+-*"
  min_terms: int = 1
  max_terms: int = 14
  num_train: int = 16_384
  num_test: int = 1_024
  # Prompts with more tokens are left out, named and counted.
  max_prompt_tokens: int = 4_096


@dataclasses.dataclass(frozen=True)
class Template:
  """How a comparison becomes a prompt.

  `file` replaces the wording of the template by a file's. Without `thinking`
  the judge answers at once (the paper's DirectJudge).
  """

  name: Literal["rrm", "arithmetic"] = "rrm"
  file: str = ""
  thinking: bool = True


@dataclasses.dataclass(frozen=True)
class Sampling:
  """What the sampler draws from, and how far it may go.

  Temperature 0 is greedy. `top_k=0`, `top_p=1` and `min_p=0` switch their
  filters off. `thinking_budget` counts the tokens before the closing tag,
  -1 means no limit but `max_new_tokens`, and `answer_budget` those after it.
  A completion also ends where one of the texts in `stop` is complete.
  """

  max_new_tokens: int = 8_192
  temperature: float = 1.0
  top_k: int = 0
  top_p: float = 1.0
  min_p: float = 0.0
  thinking_budget: int = -1
  answer_budget: int = -1
  stop: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    if self.temperature < 0:
      raise ValueError(f"temperature={self.temperature} is negative")
    if not 0 < self.top_p <= 1:
      raise ValueError(f"top_p={self.top_p} is not in (0, 1]")
    if not 0 <= self.min_p <= 1:
      raise ValueError(f"min_p={self.min_p} is not in [0, 1]")
    if self.top_k < 0 or self.max_new_tokens < 1:
      raise ValueError(
        f"top_k={self.top_k} must be at least 0 and "
        f"max_new_tokens={self.max_new_tokens} at least 1"
      )


# How the keys and values of what has been read are held.
Stored = Literal["compute", "int8"]
# Where the rollout copy of the weights lies; see `sampling.layouts`.
Weights = Literal["training", "replicated", "tensor"]


@dataclasses.dataclass(frozen=True)
class Engine:
  """Continuous batching: how many slots, and when they are refilled.

  Attributes:
    slots: Requests that are decoded together.
    refill: Idle slots at which the host admits others.
    columns: Most steps between two looks of the host.
    least_slots: Fewer requests still take this many slots: with fewer rows
      CPUs take another matrix product, which rounds otherwise.
    least_live: The shortest length of cache that is attended to.
    kv_cache: Keys and values in the compute dtype, or int8 with a scale per
      token and head: about half of bf16's memory, for logprobs that differ
      from the learner's by some thousandths; see `model/kv_cache.py`.
    weights: Where the sampler's copy of the weights lies. "training": as in
      training, gathered over fsdp while decoding. "replicated": whole on every
      data and fsdp part, cut over tensor; fastest while a copy fits. "tensor":
      cut over fsdp and tensor together; see `sampling.layouts`.
  """

  slots: int = 256
  refill: int = 1
  columns: int = 64
  least_slots: int = 8
  least_live: int = 64
  kv_cache: Stored = "compute"
  weights: Weights = "replicated"


@dataclasses.dataclass(frozen=True)
class Optimizer:
  """AdamW with global-norm clipping and a schedule over a stage's updates."""

  learning_rate: float = 1e-6
  schedule: Literal["constant", "linear", "cosine"] = "constant"
  warmup_steps: int = 0
  final_fraction: float = 0.0
  b1: float = 0.9
  b2: float = 0.999
  eps: float = 1e-8
  weight_decay: float = 0.0
  clip_norm: float = 1.0


@dataclasses.dataclass(frozen=True)
class Objective:
  """What reinforcement learning ascends; by default GRPO's, summed as DAPO's.

  Attributes:
    policy: "clip", PPO's surrogate; "gspo", with the ratio of whole sequences;
      "cispo", the clipped ratio as a weight; "reinforce", without ratios.
      Formulas and sources are in `rl/losses.py`.
    clip_low: A ratio is clipped below 1 - clip_low,
    clip_high: and above 1 + clip_high.
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
    kl_in: Whether it is part of the loss, or taken off the rewards.
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
    if min(self.clip_low, self.clip_high, self.importance_cap) < 0:
      raise ValueError(f"{self}: clips and caps are not negative")
    if (
      self.kl_in == "loss" and self.kl_coefficient and self.kl_estimator == "k1"
    ):
      raise ValueError(
        'kl_estimator="k1" has no gradient on average when it is in the loss; '
        'take "k2" or "k3", or kl_in="reward"'
      )


@dataclasses.dataclass(frozen=True)
class Traces:
  """Reasoning of mixed quality for the built-in task's warm start.

  The shares are of traces which work every step, stop early at a random
  step, or do not reason at all; `noise` is the chance that a worked step
  slips. With `thinking` false in the template, only the verdict is shown.
  """

  careful: float = 0.2
  partial: float = 0.1
  lazy: float = 0.7
  noise: float = 0.06

  def __post_init__(self) -> None:
    shares = self.careful + self.partial + self.lazy
    if abs(shares - 1) > 1e-9:
      raise ValueError(f"careful + partial + lazy = {shares}, must be 1")


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


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """Every how many steps to save, which steps stay, how many others stay."""

  every: int = 50
  keep: int = 2
  keep_steps: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What the report at the end of a job measures, and on which weights.

  Votes are cast by the first three roles, budgets tried on "before" and
  "after", each at the first of the temperatures. The five roles name a stage
  ("rl") or one of its saved steps ("rl@15"); "" leaves that part of the report
  out.
  """

  before: str = ""
  middle: str = ""
  after: str = ""
  control: str = ""
  direct: str = ""
  comparisons: int = 1_024
  max_new_tokens: int = 8_192
  temperatures: tuple[float, ...] = (1.0, 0.6, 0.0)
  votes: tuple[int, ...] = (1, 3, 5, 9, 15)
  vote_comparisons: int = 512
  budgets: tuple[int, ...] = ()
  budget_comparisons: int = 512
  # Steps between evaluations while a stage runs; 0 for none.
  every: int = 0
  every_comparisons: int = 256


@dataclasses.dataclass(frozen=True)
class Evaluate:
  """How `launch.evaluate` puts comparisons to a judge, and what counts.

  The defaults are RRM's decoding, with both orders in place of one at random:
  the first shown wins more often than it should with most judges.

  Attributes:
    sampling: Filters, room and thinking budget.
    samples: Votes in each order; the report has their majority too.
    order: The data's, one by a stable hash, or both.
    invalid: What a judgement without a verdict scores: 0.5 in RRM's protocol,
      0 in RM-R1's.
    template: How to put the question; None takes that of the model's training.
    seed: Of sampling and of the hashed order.
    engine: How many completions are sampled at once.
    max_prompt_tokens: Longer prompts are left out, named and counted.
    mesh: Over which devices.
    compute_dtype: "auto" takes a workdir's own; a Hugging Face folder gets
      float32 on CPUs, bfloat16 elsewhere.
  """

  sampling: Sampling = Sampling(temperature=0.6)
  samples: int = 1
  order: Literal["given", "hashed", "both"] = "both"
  invalid: float = 0.5
  template: Template | None = None
  seed: int = 0
  engine: Engine = Engine()
  max_prompt_tokens: int = 4_096
  mesh: Mesh = Mesh()
  compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto"


@dataclasses.dataclass(frozen=True)
class Job:
  """A whole run: a model, its data, and stages one after the other.

  `order` names the stages to run, one after the other; a stage that it leaves
  out is not run. `tokenizer` is "arithmetic", or a folder with a tokenizer, or
  the folder of Qwen2's vocab.json and merges.txt. `init_from` is "" for random
  weights, or a workdir whose last weights to start from, or a Hugging Face
  folder. A job without stages holds imported weights, and its tokenizer is a
  folder in its workdir.
  """

  name: str
  model: Model
  tokenizer: str
  data: Data
  stages: Mapping[str, Stage]
  order: tuple[str, ...]
  seed: int = 0
  init_from: str = ""
  mesh: Mesh = Mesh()
  checkpoint: Checkpoint = Checkpoint()
  evaluation: Evaluation = Evaluation()
  engine: Engine = Engine()
  rollouts_every: int = 10

  def __post_init__(self) -> None:
    for i, name in enumerate(self.order):
      if name not in self.stages:
        raise ValueError(
          f"order names {name!r}, which is no stage; stages: "
          f"{', '.join(self.stages)}"
        )
      start = self.stages[name].start
      if start and start not in self.order[:i]:
        raise ValueError(
          f"stages.{name}.start={start!r} does not run before it; order: "
          f"{', '.join(self.order)}"
        )
