"""The learner's programs of a job's stage, compiled for any devices."""

import jax
import jax.numpy as jnp
from jax.sharding import Sharding

from rrm_jax import config, optimizer
from rrm_jax.batches import LearnerBatch, Prefix
from rrm_jax.rl import learner, train_state
from rrm_jax.sampling.schedule import bucket
from rrm_jax.sharding import Layout
from rrm_jax.train import grpo
from tools.plan import compiled
from tools.plan.compiled import Measured, local_size

NAMES = ("update", "score")


def check_rows(stage: config.Grpo, layout: Layout) -> None:
  """Refuses rows that cannot be cut over the devices.

  Raises:
    ValueError: they do not divide.
  """
  rows = stage.comparisons * stage.samples
  if rows % (stage.minibatches * stage.microbatches * layout.batch_parts):
    raise ValueError(
      f"{rows} rows do not divide into minibatches={stage.minibatches} of "
      f"microbatches={stage.microbatches} on {layout.batch_parts} parts of the "
      "batch; choose others, or --search for them"
    )


def lowered(
  name: str, job: config.Job, stage: config.Grpo, layout: Layout
) -> jax.stages.Lowered:
  """One of `NAMES`, at the longest prompts and completions.

  Raises:
    ValueError: the model cannot be cut over this mesh, or the rows are not.
  """
  check_rows(stage, layout)
  rows = stage.comparisons * stage.samples
  prompt = (stage.prefixes, bucket(job.data.max_prompt_tokens))
  row = (rows, stage.sampling.max_new_tokens)
  whole, cut = layout.replicated, layout.named("batch")
  prefix = Prefix(
    _array(prompt, "int32", whole), _array(prompt[:1], "int32", whole)
  )
  tokens = _array(row, "int32", cut)
  if name == "score":
    return learner.score.lower(
      train_state.abstract_frozen(job.model, layout),
      tokens,
      prefix,
      way=grpo.way(stage, job.model, layout),
      microbatches=stage.minibatches * stage.microbatches,
    )
  chain = optimizer.build(stage.optimizer, stage.steps * stage.minibatches)
  figures = _array(row, "float32", cut)
  batch = LearnerBatch(
    tokens,
    _array(row, "bool", cut),
    figures,
    figures,
    _array(row[:1], "float32", cut),
    figures if stage.objective.importance_cap else None,
    prefix,
  )
  return learner.update.lower(
    train_state.abstract_state(job.model, chain, layout),
    batch,
    way=grpo.way(stage, job.model, layout),
    objective=stage.objective,
    chain=chain,
    minibatches=stage.minibatches,
    microbatches=stage.microbatches,
    longest=stage.sampling.max_new_tokens,
  )


def _array(
  shape: tuple[int, ...], dtype: str, cut: Sharding
) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(shape, jnp.dtype(dtype), sharding=cut)


def measured(
  name: str, job: config.Job, stage: config.Grpo, layout: Layout
) -> Measured:
  """Compiles one of `NAMES`.

  Raises:
    TooLarge: it does not fit the devices' memory.
    ValueError: the model cannot be cut over this mesh, or the rows are not.
  """
  program = lowered(name, job, stage, layout)
  done = compiled.measured(name, program, layout.mesh.size)
  assert done.step == (0, 0), f"{name}: how often a loop turns is not known"
  return done


def sizes(
  job: config.Job, stage: config.Grpo, layout: Layout
) -> dict[str, int]:
  """Bytes on each device that a step holds all the time."""
  chain = optimizer.build(stage.optimizer, stage.steps * stage.minibatches)
  state = train_state.abstract_state(job.model, chain, layout)
  held = {
    "parameters": local_size(state.params),
    "optimizer": local_size(state.opt_state),
  }
  if stage.objective.kl_coefficient:
    frozen = train_state.abstract_frozen(job.model, layout)
    held["reference"] = local_size(frozen)
  return held
