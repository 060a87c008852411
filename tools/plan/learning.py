"""The learner's programs of a job's stage, lowered for any devices."""

import math
import re
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Sharding

from rrm_jax import config, optimizer
from rrm_jax.batches import LearnerBatch, Prefix
from rrm_jax.rl import learner, train_state
from rrm_jax.sampling.schedule import bucket
from rrm_jax.sharding import Layout
from rrm_jax.train import grpo
from tools.compile_rollout import hlo

NAMES = ("update", "score")


class Measured(NamedTuple):
  """A compiled program; sizes are bytes on each device.

  Attributes:
    seconds: To lower and compile it.
    arguments: All that it is given.
    temp: What it needs beside arguments and results.
    peak: The most it holds at a time.
    moved: Between devices.
  """

  seconds: float
  arguments: int
  temp: int
  peak: int
  moved: tuple[hlo.Collective, ...]


class TooLarge(ValueError):
  """A program does not fit; `needed` bytes would be used on each device."""

  def __init__(self, message: str, needed: float):
    super().__init__(message)
    self.needed = needed


def lowered(
  name: str, job: config.Job, stage: config.Grpo, layout: Layout
) -> jax.stages.Lowered:
  """One of `NAMES`, at the longest prompts and completions.

  Raises:
    ValueError: the model cannot be cut over this mesh, or the rows are not.
  """
  rows = stage.comparisons * stage.samples
  if rows % (stage.minibatches * stage.microbatches * layout.batch_parts):
    raise ValueError(
      f"{rows} rows do not divide into minibatches={stage.minibatches} of "
      f"microbatches={stage.microbatches} on {layout.batch_parts} devices"
    )
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
  """
  begun = time.perf_counter()
  try:
    compiled = lowered(name, job, stage, layout).compile()
  except jax.errors.JaxRuntimeError as error:
    raise too_large(name, error) from error
  memory, text = compiled.memory_analysis(), compiled.as_text()
  assert memory is not None and text is not None, "this backend tells nothing"
  return Measured(
    time.perf_counter() - begun,
    memory.argument_size_in_bytes,
    memory.temp_size_in_bytes,
    memory.peak_memory_in_bytes,
    tuple(hlo.collectives(text)),
  )


def too_large(name: str, error: jax.errors.JaxRuntimeError) -> Exception:
  """The compiler's refusal, in one line; another error of it as it is."""
  found = re.search(
    r"\(([\d.]+)([KMGT])\) exceeds available HBM \(([\d.]+)([KMGT])\)",
    str(error),
  )
  if not found:
    return error
  needed, limit = (
    float(found[i]) * 2.0 ** (10 * (1 + "KMGT".index(found[i + 1])))
    for i in (1, 3)
  )
  return TooLarge(
    f"{name} needs {needed / 2**30:.2f} GiB on each chip, which has "
    f"{limit / 2**30:.2f}",
    needed,
  )


def sizes(
  job: config.Job, stage: config.Grpo, layout: Layout
) -> dict[str, Any]:
  """Bytes on each device that a step holds all the time."""
  chain = optimizer.build(stage.optimizer, stage.steps * stage.minibatches)
  state = train_state.abstract_state(job.model, chain, layout)
  held = {
    "parameters": _local(state.params),
    "optimizer": _local(state.opt_state),
  }
  if stage.objective.kl_coefficient:
    held["reference"] = _local(train_state.abstract_frozen(job.model, layout))
  return held


def _local(tree: Any) -> int:
  return sum(
    math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
    for x in jax.tree.leaves(tree)
  )
