"""What cannot end well is refused before anything is trained.

A job may train for days before it reaches the stage, or the report, that its
config has wrong.
"""

import contextlib
import logging
from collections.abc import Iterator

from rrm_jax import config, prompts
from rrm_jax.data import arithmetic
from rrm_jax.rl import train_state
from rrm_jax.sampling import layouts
from rrm_jax.sharding import Layout
from rrm_jax.text.tokenizer import Tokenizer
from rrm_jax.train import grpo
from rrm_jax.train.loading import Splits, pipeline


def check(
  job: config.Job, data: Splits, tokenizer: Tokenizer, layout: Layout
) -> None:
  """Puts a first comparison to each stage, and its numbers together.

  Raises:
    ValueError: the mesh cuts the model or a batch unevenly, a row is longer
      than the model is made for, a budget does not fit, the recipe or the
      curriculum is of other data, or the report is on weights that will not be
      there. The message names the field.
  """
  layouts.decode_layout(layout, job.engine.weights, job.model)
  train_state.abstract_params(job.model, layout)
  for name in job.order:
    stage = job.stages[name]
    with _named(f"stages.{name}"):
      _check_rows(stage, layout)
      pipeline(data.train, stage, job.seed)
      prompt = prompts.prompt(data.train[0], False, tokenizer, stage.template)
      if isinstance(stage, config.Grpo):
        _check_room(
          job.model, len(prompt.tokens), stage.sampling.max_new_tokens
        )
        script = prompts.script(tokenizer, stage.template)
        prompts.thinking_limit(stage.sampling, script)
        _say_unshared(name, stage, job.model, layout)
      else:
        _check_room(job.model, 0, stage.row_tokens)
        if stage.template.thinking or stage.gate:
          arithmetic.num_terms(data.train[0])  # whose traces and steps they are
  _check_evaluation(job, data, tokenizer)


@contextlib.contextmanager
def _named(field: str) -> Iterator[None]:
  """Puts a field's name in front of what is wrong inside."""
  try:
    yield
  except ValueError as error:
    raise ValueError(f"{field}: {error}") from None


def _check_rows(stage: config.Stage, layout: Layout) -> None:
  """A batch is cut over the mesh in whole rows."""
  parts = layout.batch_parts
  if isinstance(stage, config.Grpo):
    field, rows = "comparisons", stage.comparisons
    split = stage.minibatches * stage.microbatches
    smallest = stage.comparisons * stage.samples // split
  else:
    field, rows = "batch_size", stage.batch_size
    smallest = rows // stage.microbatches
  if rows % parts or smallest % parts:
    raise ValueError(
      f"{field}={rows}, and the {smallest} rows of a microbatch, must be "
      f"multiples of the {parts} parts that the mesh cuts a batch into; change "
      "them, or mesh.data and mesh.fsdp"
    )


def _check_room(model: config.Model, prompt: int, room: int) -> None:
  """Holds the built-in task's prompts, all as long, to the model's room.

  Other prompts that have no room are left out when they are loaded.
  """
  if prompt + room > model.max_positions:
    raise ValueError(
      f"rows may have {prompt + room} tokens, the model is made for "
      f"max_positions={model.max_positions}; lower max_new_tokens, row_tokens "
      "or data.max_prompt_tokens"
    )


def _say_unshared(
  name: str, stage: config.Grpo, model: config.Model, layout: Layout
) -> None:
  """Says where learning reads a prompt as often as it has completions."""
  if grpo.way(stage, model, layout).shared:
    return
  parts = stage.minibatches * stage.microbatches * layout.batch_parts
  logging.warning(
    "stages.%s: in learning a prompt is read with each of its completions, not "
    "once for all: %s",
    name,
    "the model has sliding layers" if model.sliding_layers else
    f"{stage.prefixes} prompts do not divide among {parts} parts (minibatches "
    "x microbatches x devices that cut the batch); a smaller shared_samples "
    "makes more of them",
  )  # fmt: skip


def _check_evaluation(
  job: config.Job, data: Splits, tokenizer: Tokenizer
) -> None:
  """What is measured while stages run, and in the report."""
  cfg = job.evaluation
  for role, where in cfg.roles.items():
    with _named(f"evaluation.{role}={where!r}"):
      _check_saved(job, where)
  measured = {r: where.partition("@")[0] for r, where in cfg.roles.items()}
  for name in job.order:
    stage = job.stages[name]
    gated = isinstance(stage, config.Sft) and stage.gate is not None
    if not (cfg.every or gated or name in measured.values()):
      continue
    template = stage.template
    prompt = prompts.prompt(data.test[0], False, tokenizer, template)
    with _named("evaluation"):
      _check_room(job.model, len(prompt.tokens), cfg.max_new_tokens)
      if name in (measured.get("before"), measured.get("after")):
        _check_budgets(cfg, tokenizer, template)


def _check_budgets(
  cfg: config.Evaluation, tokenizer: Tokenizer, template: config.Template
) -> None:
  if not template.thinking:
    return
  script = prompts.script(tokenizer, template)
  for budget in cfg.budgets:
    sampling = config.Sampling(
      max_new_tokens=cfg.max_new_tokens, thinking_budget=budget
    )
    prompts.thinking_limit(sampling, script)


def _check_saved(job: config.Job, where: str) -> None:
  """Whether "stage" or "stage@step" is trained; what is named is kept."""
  name, _, step = where.partition("@")
  if name not in job.order:
    raise ValueError(f"no stage {name!r} is run; order: {list(job.order)}")
  last = job.stages[name].steps
  if step and not (step.isdecimal() and int(step) <= last):
    raise ValueError(f"stage {name} has the steps 0 to {last}")
