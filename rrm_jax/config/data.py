"""Where comparisons come from, and how they are put to a judge."""

import dataclasses
from typing import Literal

from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Data:
  """Where comparisons come from.

  `source` is "arithmetic" (the built-in verifiable task), "gsm8k" (verified
  solution pairs), a folder with train.jsonl and test.jsonl, or whatever
  launch.evaluate takes (a set's name, a file, a kept set), of which a tenth is
  held out, `num_test` at most, by query. The remaining fields of the first
  group shape the built-in task.
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
  the judge answers at once (the paper's DirectJudge). `tagged` says whether a
  thought ends in a closing tag, as reasoning models write it; of a model that
  reasons in its answer the whole text is read.
  """

  name: Literal["rrm", "arithmetic"] = "rrm"
  file: str = ""
  thinking: bool = True
  tagged: bool = True


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
    at_least(0, self, "careful", "partial", "lazy", "noise")
    shares = self.careful + self.partial + self.lazy
    if abs(shares - 1) > 1e-9:
      raise ValueError(f"careful + partial + lazy = {shares}, must be 1")
