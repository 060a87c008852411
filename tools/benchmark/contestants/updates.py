"""What all contestants of the learner's suite run on; the standard library.

Each is started as `python -m tools.benchmark.contestants.NAME FILE.json` and
makes one update of GRPO on the file's rows for each line that it reads, one
after the other, as `process.py` has it.
"""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tools.benchmark.contestants import process


class AdamW(NamedTuple):
  """The optimizer, after clipping by global norm; see `config.Optimizer`."""

  learning_rate: float
  b1: float
  b2: float
  eps: float
  weight_decay: float
  clip_norm: float


class Work(NamedTuple):
  """What to learn from: P prompts, N rows, the completions of a prompt in turn.

  Every prompt is as long as the others, and so is every completion: nobody
  pays for padding. No id is 0.

  Attributes:
    weights: A Hugging Face folder.
    model: Its config.json.
    prompts: Ids [P, Tp].
    completions: Ids [N, T].
    logprobs: The old policy's, of the completions' tokens [N, T].
    advantages: Of the rows [N].
    shared_samples: Completions that ours reads a prompt for once, 0 for all.
    clip: A ratio is clipped below 1 - clip and above 1 + clip.
    adamw: The optimizer.
  """

  weights: str
  model: dict
  prompts: list[list[int]]
  completions: list[list[int]]
  logprobs: list[list[float]]
  advantages: list[float]
  shared_samples: int
  clip: float
  adamw: AdamW

  def repeated(self, samples: int = 1) -> list[list[int]]:
    """The prompt of each so many rows [N / samples, Tp]."""
    times = len(self.completions) // len(self.prompts) // samples
    return [prompt for prompt in self.prompts for _ in range(times)]


class Update(NamedTuple):
  """What an update says of itself: by this all must agree.

  Attributes:
    loss: The mean over rows of each row's mean, before the update.
    gradient_norm: Of the whole gradient, before it is clipped.
  """

  loss: float
  gradient_norm: float


def read(file: Path) -> Work:
  """The work."""
  found = json.loads(file.read_text())
  return Work(adamw=AdamW(**found.pop("adamw")), **found)


def run(prepare: Callable[[Work], process.Ready[Update]]) -> None:
  """Runs a contestant to the end of what it reads."""
  work = read(Path(sys.argv[1]))
  process.serve(
    functools.partial(prepare, work), lambda update, _: update._asdict()
  )
