"""Data and weights of a job, from where its config says they are.

Weights lie in a workdir of ours or in a Hugging Face folder; whoever takes
the one takes the other, without a conversion.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import jax

from rrm_jax import config, manifest, workdir
from rrm_jax.batches import Params, TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.data import builder, public_sets
from rrm_jax.data.pipeline import Source
from rrm_jax.model import hf_config
from rrm_jax.prompts import prompt
from rrm_jax.records import Comparison
from rrm_jax.rl import train_state
from rrm_jax.sharding import Layout, key
from rrm_jax.text import templates
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.text.tokenizer import Tokenizer
from rrm_jax.train import pretrained

# The role of weights that came from elsewhere, in a workdir without stages.
IMPORTED = "imported"


class Splits(NamedTuple):
  """What a job trains on, and what it is measured on."""

  train: Source
  test: Source


class Model(NamedTuple):
  """Weights with all that is needed to put them to use.

  Attributes:
    cfg: The model's shape.
    params: Its weights, in the dtype that it computes in.
    tokenizer: Its tokenizer.
    template: How it was asked in training; RRM's where nobody has said.
  """

  cfg: config.Model
  params: Params
  tokenizer: Tokenizer
  template: config.Template


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
    len(prompt(c, False, tokenizer, template).tokens) for c in comparisons
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
  job: config.Job,
  folder: Path,
  role: str,
  layout: Layout,
  dtype: str | None = "float32",
) -> Params:
  """The weights of "stage", or of one of its steps, "stage@step".

  Args:
    job: The config in the workdir.
    folder: The workdir.
    role: Which weights.
    layout: How to cut them.
    dtype: What to cast them to; None leaves them as they were saved.

  Raises:
    ValueError: there is no such stage or no such checkpoint.
  """
  stage, _, step = role.partition("@")
  stages = list(job.stages) or [IMPORTED]
  if stage not in stages:
    raise ValueError(f"{role!r}: no stage {stage!r}, only {stages}")
  place = folder / "checkpoints" / stage
  shapes = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(
      x.shape, dtype or x.dtype, sharding=x.sharding
    ),
    train_state.abstract_params(job.model, layout),
  )
  wanted = TrainState(step=None, params=shapes, opt_state=None)
  floats: manifest.Floats = "saved" if dtype is None else "cast"
  with Checkpoints(place, job.checkpoint) as checkpoints:
    found = checkpoints.restore(
      wanted, step=int(step) if step else None, partial=True, floats=floats
    )
  if found is None:
    raise ValueError(
      f"{place} holds no checkpoint; has {folder} run as far as {role!r}?"
    )
  return found[1].params


def role_of(job: config.Job) -> str:
  """The weights that a workdir stands for: what it reports on, or its last."""
  if not job.stages:
    return IMPORTED
  return job.evaluation.after or job.order[-1]


def template_of(job: config.Job, role: str) -> config.Template:
  """How the weights of a role were asked in training."""
  stage = job.stages.get(role.partition("@")[0])
  return stage.template if stage else config.Template()


def tokenizer_of(job: config.Job, folder: Path) -> Tokenizer:
  """The tokenizer of the job in a workdir.

  An imported one lies in the workdir, so that the folder can be moved.
  """
  if job.stages:
    return tokenizers.load(job.tokenizer)
  return tokenizers.load(str(folder / job.tokenizer))


def model(
  folder: Path,
  layout: Layout,
  role: str = "",
  compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto",
) -> Model:
  """The model in a workdir or in a Hugging Face folder.

  Args:
    folder: Either.
    layout: How to cut its weights.
    role: Which of a workdir's weights, "" for those that it stands for.
    compute_dtype: "auto" takes a workdir's own; a Hugging Face folder gets
      float32 on CPUs and bfloat16 elsewhere.

  Raises:
    ValueError: the folder is neither, is damaged, or has no such weights.
  """
  if pretrained.is_hf(folder):
    if role:
      raise ValueError(
        f"weights {role!r}: {folder} is a Hugging Face folder, which has but "
        "one set of weights"
      )
    if compute_dtype == "auto":
      on_cpu = layout.platform == "cpu"
      compute_dtype = "float32" if on_cpu else "bfloat16"
    cfg = hf_config.read(folder, compute_dtype)
    tokenizer = pretrained.tokenizer(folder, cfg)
    params = pretrained.params(folder, cfg, layout, compute_dtype)
    template = templates.saved(folder) or config.Template()
    return Model(cfg, params, tokenizer, template)
  job = workdir.read_config(folder)
  cfg = job.model
  if compute_dtype != "auto":
    cfg = dataclasses.replace(cfg, compute_dtype=compute_dtype)
  role = role or role_of(job)
  return Model(
    cfg,
    saved_params(job, folder, role, layout, cfg.compute_dtype),
    tokenizer_of(job, folder),
    template_of(job, role),
  )


def initial_params(job: config.Job, seed: int, layout: Layout) -> Params:
  """What a stage without predecessor starts from, f32.

  Raises:
    ValueError: `init_from` is no model's folder, or one of another model.
  """
  if not job.init_from:
    return train_state.init_params(key(seed, layout), job.model, layout)
  folder = Path(job.init_from)
  if pretrained.is_hf(folder):
    pretrained.check_same(job, hf_config.read(folder))
    return pretrained.params(folder, job.model, layout, "float32")
  other = workdir.read_config(folder)
  pretrained.check_same(job, other.model)
  return saved_params(other, folder, role_of(other), layout)
