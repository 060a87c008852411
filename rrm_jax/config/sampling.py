"""What is drawn, and how many completions at once."""

import dataclasses
from typing import Literal

from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Sampling:
  """What the sampler draws from, and how far it may go.

  Temperature 0 is greedy. `top_k=0`, `top_p=1` and `min_p=0` switch their
  filters off. `thinking_budget` counts the tokens before the closing tag: who
  has thought for so long has the tag and a verdict forced. `answer_budget`
  counts those after a tag that the model wrote, and cuts what is longer. -1
  means no limit but `max_new_tokens`. A completion also ends where one of the
  texts in `stop` is complete.
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
    at_least(0, self, "temperature", "top_k")
    at_least(1, self, "max_new_tokens")
    at_least(-1, self, "thinking_budget", "answer_budget")
    if not 0 < self.top_p <= 1:
      raise ValueError(f"top_p={self.top_p} is not in (0, 1]")
    if not 0 <= self.min_p <= 1:
      raise ValueError(f"min_p={self.min_p} is not in [0, 1]")
    if not all(self.stop):
      raise ValueError(
        f"stop={self.stop} has an empty text, which every completion begins "
        "with; leave it out"
      )


# How the keys and values of what has been read are held.
Stored = Literal["compute", "int8"]
# Where the rollout copy of the weights lies; see `sampling.layouts`.
Weights = Literal["training", "replicated", "tensor"]


@dataclasses.dataclass(frozen=True)
class Engine:
  """Continuous batching: how many slots, and when they are refilled.

  Attributes:
    slots: Most requests that are decoded together; a mesh that cuts rows has
      as many more as make whole parts.
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

  def __post_init__(self) -> None:
    at_least(1, self, "slots", "refill", "columns", "least_slots", "least_live")
