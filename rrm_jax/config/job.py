"""A whole run: its model, data and stages, what is saved and reported."""

import dataclasses
from collections.abc import Mapping

from rrm_jax.config.data import Data
from rrm_jax.config.model import Mesh, Model
from rrm_jax.config.sampling import Engine
from rrm_jax.config.stages import Stage


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
