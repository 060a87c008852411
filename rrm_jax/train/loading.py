"""Data and weights of a job, from where its config says they are."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rrm_jax import config, workdir
from rrm_jax.batches import Params, TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.data import builder, public_sets
from rrm_jax.data.pipeline import Source
from rrm_jax.judge import request
from rrm_jax.records import Comparison
from rrm_jax.rl import learner
from rrm_jax.sharding import Layout, key
from rrm_jax.text.tokenizer import Tokenizer


class Splits(NamedTuple):
  """What a job trains on, and what it is measured on."""

  train: Source
  test: Source


def splits(job: config.Job, tokenizer: Tokenizer, folder: Path) -> Splits:
  """The comparisons of a job; the built-in task is written to `folder` first.

  Raises:
    ValueError: the data cannot be found or read, or nothing fits the limit.
  """
  if job.data.source == "arithmetic":
    builder.prepare(job.data, job.seed, folder)
    return Splits(
      builder.load(job.data, job.seed, "train", folder),
      builder.load(job.data, job.seed, "test", folder),
    )
  template = job.stages[job.order[-1]].template
  limit = job.data.max_prompt_tokens
  if job.data.source == "gsm8k":
    parts = [public_sets.resolve(f"gsm8k/{part}") for part in Splits._fields]
  else:
    everything = public_sets.resolve(job.data.source)
    held = min(job.data.num_test, len(everything) // 10)
    if not held:
      raise ValueError(
        f"{job.data.source} has {len(everything)} comparisons, too few to "
        "hold a tenth of them out; give at least 10"
      )
    parts = [everything[held:], everything[:held]]
  return Splits(*(fitting(p, tokenizer, template, limit) for p in parts))


def fitting(
  comparisons: Sequence[Comparison],
  tokenizer: Tokenizer,
  template: config.Template,
  limit: int,
) -> list[Comparison]:
  """Those with prompts of at most `limit` tokens; the others are named.

  Raises:
    ValueError: none is short enough.
  """
  lengths = [
    len(request(c, False, tokenizer, template).tokens) for c in comparisons
  ]
  long = [
    f"{c.uid} ({n} tokens, {c.source})"
    for c, n in zip(comparisons, lengths, strict=True)
    if n > limit
  ]
  if len(long) == len(comparisons):
    raise ValueError(
      f"all {len(long)} prompts are longer than {limit} tokens, the shortest "
      f"has {min(lengths)}; raise the limit"
    )
  if long:
    more = f" and {len(long) - 10} more" if len(long) > 10 else ""
    logging.warning(
      "%d of %d comparisons left out, their prompts are longer than %d tokens: "
      "%s%s", len(long), len(comparisons), limit, ", ".join(long[:10]), more
    )  # fmt: skip
  return [c for c, n in zip(comparisons, lengths, strict=True) if n <= limit]


def saved_params(
  job: config.Job, folder: Path, role: str, layout: Layout
) -> Params:
  """The weights of "stage", or of one of its steps, "stage@step".

  Raises:
    ValueError: there is no such stage or no such checkpoint.
  """
  stage, _, step = role.partition("@")
  if stage not in job.stages:
    raise ValueError(f"{role!r}: no stage {stage!r}, only {list(job.stages)}")
  place = folder / "checkpoints" / stage
  wanted = TrainState(
    step=None, params=learner.abstract_params(job.model, layout), opt_state=None
  )
  with Checkpoints(place, job.checkpoint) as checkpoints:
    found = checkpoints.restore(
      wanted, step=int(step) if step else None, partial=True
    )
  if found is None:
    raise ValueError(
      f"{place} holds no checkpoint; has {folder} run as far as {role!r}?"
    )
  return found[1].params


def role_of(job: config.Job) -> str:
  """The weights that a workdir stands for: what it reports on, or its last."""
  return job.evaluation.after or job.order[-1]


def initial_params(job: config.Job, seed: int, layout: Layout) -> Params:
  """What a stage without predecessor starts from.

  Raises:
    ValueError: `init_from` is no workdir, or one of another model.
  """
  if not job.init_from:
    return learner.init_params(key(seed, layout), job.model, layout)
  folder = Path(job.init_from)
  other = workdir.read_config(folder)
  if other.model != job.model:
    raise ValueError(
      f"init_from={job.init_from} is of another model: {other.model}, not "
      f"{job.model}"
    )
  return saved_params(other, folder, role_of(other), layout)
