"""The learner of this repository, with and without the shared prefix.

python -m tools.benchmark.contestants.our_learner FILE.json shared|apart
"""

import functools
import sys
from pathlib import Path

import jax
import numpy as np

from rrm_jax import config, optimizer, sharding
from rrm_jax.batches import LearnerBatch, Prefix
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


def prepare(work: updates.Work, shared: bool) -> process.Ready[updates.Update]:
  """Reads the weights."""
  layout = sharding.layout(config.Mesh())
  folder = Path(work.weights)
  cfg = hf_config.read(folder, "float32")
  chain = optimizer.build(config.Optimizer(**work.adamw._asdict()), 1)
  held = [
    train_state.init_state(
      hf.load(folder, cfg, layout, "float32"), cfg, chain, layout
    )
  ]
  group = len(work.completions) // len(work.prompts)
  samples = (work.shared_samples or group) if shared else 1
  rows = batch(work, samples, layout)
  together = samples if shared else MICROBATCH
  step = functools.partial(
    learner.update,
    way=learner.Way(cfg, UNFILTERED, layout, shared),
    objective=config.Objective(
      aggregation="sequence", clip_low=work.clip, clip_high=work.clip
    ),
    chain=chain,
    microbatches=len(work.completions) // together,
  )

  def lap(number: int) -> updates.Update:
    held[0], metrics = step(held[0], rows)
    found = jax.device_get(metrics)
    return updates.Update(float(found["loss"]), float(found["gradient_norm"]))

  return process.Ready(
    lap=lap,
    libraries=ours.libraries(),
    note=(
      f"microbatches of {together} rows, a prompt read for {samples} of "
      f"{group}, remat {cfg.remat}"
    ),
    peak=ours.peak,
  )


if __name__ == "__main__":
  updates.run(functools.partial(prepare, shared=sys.argv[2] == "shared"))
