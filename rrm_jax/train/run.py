"""What every recipe's step needs, and what it gives back."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import optax
from jaxtyping import PyTree

from rrm_jax import config
from rrm_jax.batches import Params, TrainState
from rrm_jax.data.pipeline import Pipeline
from rrm_jax.records import Comparison, Judgement
from rrm_jax.sharding import Layout
from rrm_jax.text.tokenizer import Tokenizer

Timer = Callable[[str], contextlib.AbstractContextManager]


@dataclasses.dataclass(frozen=True)
class Run:
  """A stage's constant surroundings.

  Attributes:
    name: The stage's.
    model: The model's shape.
    tokenizer: The job's.
    data: What to train on.
    layout: How arrays are cut.
    limits: How many completions are sampled at once.
    chain: The optimizer.
    rate: The learning rate that comes next, from the optimizer's state.
    seed: The job's and the stage's, in one.
    reference: Weights that the KL term holds the policy to, if it has one.
    timer: Times the phases of a step by name.
  """

  name: str
  model: config.Model
  tokenizer: Tokenizer
  data: Pipeline
  layout: Layout
  limits: config.Engine
  chain: optax.GradientTransformation
  rate: Callable[[PyTree], float]
  seed: int
  reference: Params | None
  timer: Timer


@dataclasses.dataclass(frozen=True)
class StepReport:
  """What a step did.

  Attributes:
    metrics: Figures by name.
    bad_rows: One flag per row, set where its own loss is not finite.
    rows: A readable name of each row.
    comparisons: What was trained on.
    judgements: What was sampled of them, where the recipe samples.
  """

  metrics: Mapping[str, float]
  bad_rows: np.ndarray
  rows: Sequence[str]
  comparisons: Sequence[Comparison]
  judgements: Sequence[Judgement]


Step = Callable[[Run, TrainState, int], tuple[TrainState, StepReport]]


def stage_seed(seed: int, name: str) -> int:
  """31 bits from the job's seed and a stage's name, stable for ever."""
  digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
  return int.from_bytes(digest[:4], "big") >> 1
