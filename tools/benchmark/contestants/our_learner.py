"""The learner of this repository, with and without the shared prefix.

python -m tools.benchmark.contestants.our_learner FILE.json shared|apart
"""

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from rrm_jax import config, optimizer, sharding
from rrm_jax.batches import LearnerBatch, Prefix, TrainState
from rrm_jax.model import hf, hf_config
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from tools.benchmark.contestants import ours, process, updates

# Rows that pass through the model together where each brings its prompt.
MICROBATCH = 4


def batch(
  work: updates.Work, samples: int, layout: sharding.Layout
) -> LearnerBatch:
  """The rows, on the devices, with a prompt for each so many."""
  prompts = np.array(work.repeated(samples), np.int32)
  logprobs = np.array(work.logprobs, np.float32)
  rows = LearnerBatch(
    tokens=np.array(work.completions, np.int32),
    sampled=np.ones(logprobs.shape, bool),
    logprobs=logprobs,
    reference_logprobs=np.zeros_like(logprobs),
    advantages=np.array(work.advantages, np.float32),
    prefix=Prefix(prompts, np.full(len(prompts), prompts.shape[1], np.int32)),
  )
  return sharding.put(rows, layout.named("batch"))


class Setting(NamedTuple):
  """An update, ready to be made.

  Attributes:
    state: Where learning is; the update takes it.
    rows: What to learn from.
    options: The other arguments of `learner.update`.
    note: What distinguishes it, for the report.
  """

  state: TrainState
  rows: LearnerBatch
  options: Mapping[str, Any]
  note: str


def setting(work: updates.Work, shared: bool) -> Setting:
  """Reads the weights and puts the rows on the devices."""
  layout = sharding.layout(config.Mesh())
  folder = Path(work.weights)
  cfg = hf_config.read(folder, "float32")
  chain = optimizer.build(config.Optimizer(**work.adamw._asdict()), 1)
  params = hf.load(folder, cfg, layout, "float32")
  group = len(work.completions) // len(work.prompts)
  samples = (work.shared_samples or group) if shared else 1
  together = samples if shared else MICROBATCH
  options = {
    "way": learner.Way(cfg, UNFILTERED, layout, shared),
    "objective": config.Objective(
      aggregation="sequence", clip_low=work.clip, clip_high=work.clip
    ),
    "chain": chain,
    "microbatches": len(work.completions) // together,
  }
  return Setting(
    train_state.init_state(params, cfg, chain, layout),
    batch(work, samples, layout),
    options,
    note=(
      f"microbatches of {together} rows, a prompt read for {samples} of "
      f"{group}, remat {cfg.remat}"
    ),
  )


def prepare(work: updates.Work, shared: bool) -> process.Ready[updates.Update]:
  """An update in each lap, from where the last one led."""
  ready = setting(work, shared)
  held = [ready.state]

  def lap(number: int) -> updates.Update:
    held[0], metrics = learner.update(held[0], ready.rows, **ready.options)
    found = jax.device_get(metrics)
    return updates.Update(float(found["loss"]), float(found["gradient_norm"]))

  return process.Ready(
    lap=lap, libraries=ours.libraries(), note=ready.note, peak=ours.peak
  )


if __name__ == "__main__":
  updates.run(functools.partial(prepare, shared=sys.argv[2] == "shared"))
