"""Hugging Face folders, read as they are."""

import json
import shlex
from pathlib import Path
from typing import Any

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.metrics import Progress
from rrm_jax.model import hf
from rrm_jax.sharding import Layout
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.text.tokenizer import Tokenizer

# Where a tokenizer's ids may stand; the first that is there is read.
_TOKENIZER_FILES = (
  "tokenizer.json",
  "tokenizer.model",
  "vocab.json",
  "tokenizer_config.json",
)


def is_hf(folder: Path) -> bool:
  """Whether a folder is of Hugging Face's form, and no workdir.

  Raises:
    ValueError: it is neither.
  """
  path = folder / "config.json"
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except OSError:
    raise ValueError(
      f"{path} does not exist; is {folder} a workdir or a Hugging Face folder?"
    ) from None
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}") from None
  if not isinstance(found, dict) or not {"stages", "model_type"} & {*found}:
    raise ValueError(
      f'{path} has neither "stages", as a workdir\'s, nor "model_type", as a '
      "Hugging Face folder's"
    )
  return "stages" not in found


def tokenizer(folder: Path, cfg: config.Model) -> Tokenizer:
  """The tokenizer of a Hugging Face folder.

  Raises:
    ValueError: there is none, or it has ids that the model has no row for.
  """
  found = tokenizers.load(str(folder))
  if found.vocab_size > cfg.vocab_size:
    files = [name for name in _TOKENIZER_FILES if (folder / name).is_file()]
    raise ValueError(
      f"{folder / 'config.json'}: vocab_size={cfg.vocab_size} is less than "
      f"the {found.vocab_size} ids of {folder / files[0]}"
    )
  return found


def params(
  folder: Path, cfg: config.Model, layout: Layout, dtype: str
) -> Params:
  """The weights of a Hugging Face folder; shows how far it is."""
  total = hf.size(cfg, hf.dtype_of(folder))
  with Progress(f"reading {folder}", total, "B") as progress:
    return hf.load(
      folder, cfg, layout, dtype, lambda done: progress.update(done, {})
    )


def check_same(job: config.Job, there: config.Model) -> None:
  """Holds the job's model to the one that its `init_from` names.

  What a model computes in, and what it computes twice, is the job's affair.

  Raises:
    ValueError: they differ; gives the flags that make them equal.
  """
  here = config.to_mapping(job.model)
  wanted = {
    name: value
    for name, value in config.to_mapping(there).items()
    if name not in ("compute_dtype", "remat") and value != here[name]
  }
  if not wanted:
    return
  flags = [
    shlex.quote(f"--config.model.{name}={_plain(value)}")
    for name, value in wanted.items()
    if name != "yarn"
  ]
  # No flag can fill in a group of fields which the config leaves out.
  if "yarn" in wanted:
    flags.append(f'and in the config file model["yarn"] = {wanted["yarn"]}')
  raise ValueError(
    f"init_from={job.init_from} is of another model; to take its shape: "
    f"{' '.join(flags)}"
  )


def _plain(value: Any) -> str:
  """As a flag is written: a list as a tuple."""
  return str(tuple(value) if isinstance(value, list) else value)
