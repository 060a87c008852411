"""An evaluation: how comparisons are put to a judge, and what counts."""

import dataclasses
from typing import Literal

from rrm_jax.config.data import Template
from rrm_jax.config.model import Mesh
from rrm_jax.config.sampling import Engine, Sampling


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
