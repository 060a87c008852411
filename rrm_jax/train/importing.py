"""A Hugging Face folder as a workdir of ours."""

from pathlib import Path

import jax

from rrm_jax import config, pretrained, sharding, weights, workdir
from rrm_jax.batches import TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.model import hf, hf_config
from rrm_jax.sharding import Layout
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import export

_TOKENIZER = "tokenizer"


def import_folder(
  source: Path, output: Path, layout: Layout | None = None
) -> int:
  """Makes a workdir without stages, whose weights are the folder's.

  They keep the dtype of their files, so that they take no more room and go
  back as they came. Those of 16 bits are computed with in bfloat16.

  Args:
    source: The Hugging Face folder.
    output: The workdir to make: config.json, the tokenizer and a checkpoint.
      Its config names the tokenizer relative to it, so it may be moved.
    layout: Over which devices the weights lie meanwhile; all by default.

  Returns:
    Bytes of all tensors.

  Raises:
    ValueError: the folder is damaged or of another architecture, or `output`
      is not empty.
  """
  if not pretrained.is_hf(source):
    raise ValueError(f"{source} is a workdir already")
  dtype = hf.dtype_of(source)
  cfg = hf_config.read(source, "float32" if dtype == "float32" else "bfloat16")
  tokenizer = pretrained.tokenizer(source, cfg)
  job = config.Job(
    name=source.absolute().name,
    model=cfg,
    tokenizer=_TOKENIZER,
    data=config.Data(),
    stages={},
    order=(),
  )
  with workdir.whole_folder(output) as half:
    tokenizer.save(half / _TOKENIZER)
    export.check_tokenizer(
      tokenizer, tokenizers.load(str(half / _TOKENIZER)), config.Template()
    )
    layout = layout or sharding.layout(config.Mesh())
    params = pretrained.params(source, cfg, layout, dtype)
    place = half / "checkpoints" / weights.IMPORTED
    with Checkpoints(place, job.checkpoint) as checkpoints:
      checkpoints.save(0, TrainState(step=None, params=params, opt_state=None))
    workdir.write_config(half, job)
  return sum(x.nbytes for x in jax.tree.leaves(params))
