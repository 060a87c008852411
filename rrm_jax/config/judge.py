"""A judge: how a model is loaded, asked and drawn from."""

import dataclasses
from typing import Literal

from rrm_jax.config.data import Template
from rrm_jax.config.model import Mesh
from rrm_jax.config.sampling import Engine, Sampling

# In which order a judge sees two responses; see `voting.questions`.
Order = Literal["given", "hashed", "both", "random"]


@dataclasses.dataclass(frozen=True)
class TemplateChoice:
  """How a model is asked, where it shall not be as it was trained.

  Attributes:
    name: As of `Template`, with a `file` or none; "auto" leaves both.
    file: Replaces the wording; "" leaves it.
    thinking: "no" asks for the verdict at once: a judge without reasoning.
    tagged: "no" for an instruct model that writes no closing tag.
  """

  name: Literal["auto", "rrm", "arithmetic"] = "auto"
  file: str = ""
  thinking: Literal["auto", "yes", "no"] = "auto"
  tagged: Literal["auto", "yes", "no"] = "auto"

  def of(self, trained: Template) -> Template:
    """The template that comes of a model's own."""
    own = self.name == "auto"
    return Template(
      name=trained.name if self.name == "auto" else self.name,
      file=self.file or (trained.file if own else ""),
      thinking=_chosen(self.thinking, trained.thinking),
      tagged=_chosen(self.tagged, trained.tagged),
    )


def _chosen(choice: Literal["auto", "yes", "no"], trained: bool) -> bool:
  return trained if choice == "auto" else choice == "yes"


@dataclasses.dataclass(frozen=True)
class Judge:
  """How a model is loaded and drawn from as a judge.

  The defaults are RRM's decoding.

  Attributes:
    sampling: Filters, room and thinking budget.
    template: How to put the question: as in training, unless chosen otherwise.
    seed: Of sampling, and of orders that are drawn.
    engine: How many completions are sampled at once.
    max_prompt_tokens: Longer prompts are left out, named and counted.
    mesh: Over which devices.
    compute_dtype: "auto" takes a workdir's own; a Hugging Face folder gets
      float32 on CPUs, bfloat16 elsewhere.
  """

  sampling: Sampling = Sampling(temperature=0.6)
  template: TemplateChoice = TemplateChoice()
  seed: int = 0
  engine: Engine = Engine()
  max_prompt_tokens: int = 4_096
  mesh: Mesh = Mesh()
  compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
