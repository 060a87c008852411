"""What a job trains on, and what it starts from, as its config says."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from rrm_jax import config, pretrained, weights, workdir
from rrm_jax.batches import Params
from rrm_jax.data import builder, holding_out, public_sets
from rrm_jax.data.pipeline import Pipeline, Source
from rrm_jax.model import hf_config
from rrm_jax.prompts import prompt
from rrm_jax.records import Candidates, Comparison
from rrm_jax.rl import train_state
from rrm_jax.sharding import Layout, key
from rrm_jax.text.tokenizer import Tokenizer
from rrm_jax.tournament import contests


class Splits(NamedTuple):
  """What a job trains on, and what it is measured on."""

  train: Source
  test: Source


def splits(job: config.Job, tokenizer: Tokenizer, folder: Path) -> Splits:
  """The comparisons of a job; the built-in task is written to `folder` first.

  Raises:
    ValueError: the data cannot be found or read, nothing fits the limit, or
      there is no stage to train.
  """
  if not job.order:
    raise ValueError("the config has no stages, and so nothing to train")
  if job.data.source == "arithmetic":
    builder.prepare(job.data, job.seed, folder)
    return Splits(
      builder.load(job.data, job.seed, "train", folder),
      builder.load(job.data, job.seed, "test", folder),
    )
  parts = _parts(job.data)
  templates = dict.fromkeys(job.stages[name].template for name in job.order)
  limit = room(job.model, job.data.max_prompt_tokens, _most_new(job))
  for template in templates:  # a prompt must fit in every stage
    parts = [fitting(part, tokenizer, template, limit) for part in parts]
  found = Splits(*parts)
  logging.info(
    "%s: %d comparisons to train on, %d held out",
    job.data.source, len(found.train), len(found.test),
  )  # fmt: skip
  return found


def _parts(data: config.Data) -> Sequence[Sequence[Comparison]]:
  """What has labels, to train on and to be measured on, of data that is read.

  Raises:
    ValueError: it cannot be read, or there is too little to hold some out.
  """
  files = [Path(data.source, f"{part}.jsonl") for part in Splits._fields]
  if data.source == "gsm8k":
    specs = [f"gsm8k/{part}" for part in Splits._fields]
    return [labelled(public_sets.resolve(spec)) for spec in specs]
  if any(file.exists() for file in files):
    return [labelled(public_sets.resolve(str(file))) for file in files]
  everything = labelled(public_sets.resolve(data.source))
  count = min(data.num_test, len(everything) // 10)
  if count < 1:
    raise ValueError(
      f"data.source={data.source!r} has {len(everything)} labelled comparisons "
      f"and data.num_test={data.num_test}: a tenth is held out, which is none; "
      "give 10 or more, or a folder with train.jsonl and test.jsonl"
    )
  return holding_out.split(everything, count)


def pipeline(train: Source, stage: config.Stage, seed: int) -> Pipeline:
  """What a stage's steps see.

  Raises:
    ValueError: there is nothing to see, see `Pipeline`.
  """
  rows = (
    stage.comparisons if isinstance(stage, config.Grpo) else stage.batch_size
  )
  return Pipeline(train, rows, seed, stage.curriculum, stage.steps)


def held_to(data: Splits) -> dict[str, Any]:
  """What tells other comparisons: how many, and a digest of all of them."""
  digest = hashlib.sha256()
  for part in data:
    for one in map(part.__getitem__, range(len(part))):
      # Not where it lies, which may be another folder now.
      texts = (one.uid, one.conversation, one.responses, one.label)
      digest.update(repr(texts).encode())
  return {
    **{name: len(part) for name, part in data._asdict().items()},
    "sha256": digest.hexdigest(),
  }


def room(cfg: config.Model, limit: int, new: int) -> int:
  """The longest prompt that may be, where `new` tokens are written to it.

  Args:
    cfg: The model, which has room for so much and no more.
    limit: The longest that is wanted.
    new: The most tokens that are sampled.

  Raises:
    ValueError: the model has no room for a prompt.
  """
  if new >= cfg.max_positions:
    raise ValueError(
      f"max_new_tokens={new} leaves no room for a prompt: the model is made "
      f"for max_positions={cfg.max_positions}; lower max_new_tokens"
    )
  return min(limit, cfg.max_positions - new)


def _most_new(job: config.Job) -> int:
  """The most tokens that a job samples to a prompt."""
  stages = [job.stages[name] for name in job.order]
  most = [
    stage.sampling.max_new_tokens
    for stage in stages
    if isinstance(stage, config.Grpo)
  ]
  gated = any(isinstance(one, config.Sft) and one.gate for one in stages)
  if gated or job.evaluation.roles or job.evaluation.every:
    most.append(job.evaluation.max_new_tokens)
  return max(most, default=0)


def labelled(comparisons: Sequence[Comparison]) -> list[Comparison]:
  """Those with a label, which the reward needs; the others are counted.

  Raises:
    ValueError: none has one.
  """
  found = [one for one in comparisons if one.label is not None]
  if not found:
    raise ValueError(
      f"none of {len(comparisons)} comparisons has a label, which training "
      "needs; give `chosen` and `rejected`, or `label`"
    )
  if len(found) < len(comparisons):
    first = next(one for one in comparisons if one.label is None)
    logging.warning(
      "%d of %d left out, they have no label: %s (%s) is the first",
      len(comparisons) - len(found), len(comparisons), first.uid, first.source,
    )  # fmt: skip
  return found


def fitting(
  comparisons: Sequence[Comparison],
  tokenizer: Tokenizer,
  template: config.Template,
  limit: int,
) -> list[Comparison]:
  """Those with prompts of at most `limit` tokens; the others are named.

  In either order: the tokens where texts meet may differ.

  Raises:
    ValueError: none is short enough.
  """
  lengths = [
    max(
      len(prompt(one, swapped, tokenizer, template).tokens)
      for swapped in (False, True)
    )
    for one in comparisons
  ]
  return _within(comparisons, lengths, limit)


def fitting_groups(
  groups: Sequence[Candidates],
  tokenizer: Tokenizer,
  template: config.Template,
  limit: int,
) -> list[Candidates]:
  """Those of which any two candidates make a prompt that fits.

  Raises:
    ValueError: no group is short enough.
  """

  def length(group: Candidates, first: int, second: int) -> int:
    pair = contests.comparison(group, (first, second))
    return len(prompt(pair, False, tokenizer, template).tokens)

  def longest(group: Candidates) -> int:
    places = range(len(group.responses))
    alone = [length(group, 0, place) for place in places]
    *_, second, first = sorted(places, key=lambda place: alone[place])
    return length(group, first, second)

  return _within(groups, list(map(longest, groups)), limit)


_Item = TypeVar("_Item", Comparison, Candidates)


def _within(
  items: Sequence[_Item], lengths: Sequence[int], limit: int
) -> list[_Item]:
  """The items of at most `limit` tokens."""
  long = [
    f"{item.uid} ({n} tokens, {item.source})"
    for item, n in zip(items, lengths, strict=True)
    if n > limit
  ]
  if len(long) == len(items):
    raise ValueError(
      f"all {len(long)} prompts are longer than {limit} tokens, the shortest "
      f"has {min(lengths)}; raise max_prompt_tokens, or if that is not it, "
      "lower max_new_tokens: both must fit into the model's max_positions"
    )
  if long:
    more = f" and {len(long) - 10} more" if len(long) > 10 else ""
    logging.warning(
      "%d of %d left out, their prompts are longer than %d tokens: %s%s",
      len(long), len(items), limit, ", ".join(long[:10]), more,
    )  # fmt: skip
  return [item for item, n in zip(items, lengths, strict=True) if n <= limit]


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
  return weights.saved_params(other, folder, weights.role_of(other), layout)
