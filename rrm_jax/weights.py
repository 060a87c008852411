"""Trained weights, and all that is needed to put them to use.

They lie in a workdir of ours or in a Hugging Face folder; whoever takes the
one takes the other, without a conversion.
"""

import dataclasses
from pathlib import Path
from typing import Literal, NamedTuple

import jax

from rrm_jax import config, manifest, pretrained, workdir
from rrm_jax.batches import Params, TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.model import hf_config
from rrm_jax.rl import train_state
from rrm_jax.sharding import Layout
from rrm_jax.text import templates
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.text.tokenizer import Tokenizer

# The role of weights that came from elsewhere, in a workdir without stages.
IMPORTED = "imported"


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
