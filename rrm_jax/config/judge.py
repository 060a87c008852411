"""A judge: how a model is loaded, asked and drawn from."""

import dataclasses
from typing import Literal

from rrm_jax.config.data import Template
from rrm_jax.config.model import Mesh
from rrm_jax.config.sampling import Engine, Sampling

# In which order a judge sees two responses; see `voting.questions`.
Order = Literal["given", "hashed", "both", "random"]


@dataclasses.dataclass(frozen=True)
class Judge:
  """How a model is loaded and drawn from as a judge.

  The defaults are RRM's decoding.

  Attributes:
    sampling: Filters, room and thinking budget.
    template: How to put the question; None takes that of the model's training.
    seed: Of sampling, and of orders that are drawn.
    engine: How many completions are sampled at once.
    max_prompt_tokens: Longer prompts are left out, named and counted.
    mesh: Over which devices.
    compute_dtype: "auto" takes a workdir's own; a Hugging Face folder gets
      float32 on CPUs, bfloat16 elsewhere.
  """

  sampling: Sampling = Sampling(temperature=0.6)
  template: Template | None = None
  seed: int = 0
  engine: Engine = Engine()
  max_prompt_tokens: int = 4_096
  mesh: Mesh = Mesh()
  compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
