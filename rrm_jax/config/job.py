"""A whole run: its model, data and stages, what is saved and reported."""

import dataclasses
from collections.abc import Mapping

from rrm_jax.config.data import Data
from rrm_jax.config.model import Mesh, Model
from rrm_jax.config.sampling import Engine
from rrm_jax.config.stages import Stage
from rrm_jax.mapping import at_least

# What a job's report may measure.
ROLES = ("before", "middle", "after", "control", "direct")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """Every how many steps to save, which steps stay, how many others stay.

  A step that `Evaluation` names stays in any case.
  """

  every: int = 50
  keep: int = 2
  keep_steps: tuple[int, ...] = ()

  def __post_init__(self) -> None:
    at_least(1, self, "every", "keep")
    at_least(0, self, "keep_steps")


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What the report at the end of a job measures, and on which weights.

  Votes are cast by the first three roles, budgets tried on "before" and
  "after", each at the first of the temperatures. The five roles name a stage
  ("rl") or one of its steps ("rl@15"); "" leaves that part of the report out.
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

  def __post_init__(self) -> None:
    at_least(1, self, "comparisons", "max_new_tokens", "votes")
    at_least(1, self, "vote_comparisons", "budget_comparisons")
    at_least(1, self, "every_comparisons")
    at_least(0, self, "temperatures", "budgets", "every")
    if not self.temperatures:
      raise ValueError("temperatures are none; give one, such as 1.0")

  @property
  def roles(self) -> dict[str, str]:
    """The roles that the report has, with the weights of each."""
    named = {role: vars(self)[role] for role in ROLES}
    return {role: where for role, where in named.items() if where}


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
  # Steps between files of samples to read; 0 for none.
  rollouts_every: int = 10

  def __post_init__(self) -> None:
    at_least(0, self, "rollouts_every")
    if self.stages and not self.order:
      raise ValueError(
        f"order is empty; name the stages to run, of {', '.join(self.stages)}"
      )
    for i, name in enumerate(self.order):
      if name not in self.stages:
        raise ValueError(
          f"order names {name!r}, which is no stage; stages: "
          f"{', '.join(self.stages)}"
        )
      if name in self.order[:i]:
        raise ValueError(
          f"order names {name!r} twice; give the second run a stage of its own"
        )
      start = self.stages[name].start
      if start and start not in self.order[:i]:
        raise ValueError(
          f"stages.{name}.start={start!r} does not run before it; order: "
          f"{', '.join(self.order)}"
        )
