"""The engine of this repository: slots, refilled as rows end."""

from importlib import metadata
from pathlib import Path

import jax
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.model import hf, hf_config
from rrm_jax.ops import filters
from rrm_jax.sampling import budget, engine
from tools import host_memory
from tools.benchmark.contestants import process, track

# No id is this one: nothing ends a row but its length.
NEVER = np.array(-2, np.int32)


def unending() -> budget.Script:
  """A script without stop tokens, of a budget that is never reached."""
  return budget.Script(
    tokens=np.zeros(1, np.int32),
    choices=np.zeros(1, np.int32),
    closing_tag=NEVER,
    stop=NEVER.reshape(1),
  )


def peak() -> int:
  """Of the device's memory, or the host's if that is where arrays live."""
  if jax.default_backend() == "cpu":
    return host_memory.peak()
  stats = jax.local_devices()[0].memory_stats() or {}
  return int(stats.get("peak_bytes_in_use", 0))


def libraries() -> dict[str, str]:
  """Versions."""
  return {"jax": jax.__version__, "flax": metadata.version("flax")}


def prepare(work: track.Work) -> process.Ready[track.Lap]:
  """Reads the weights."""
  layout = sharding.layout(config.Mesh())
  folder = Path(work.weights)
  cfg = hf_config.read(
    folder, "bfloat16" if work.dtype == "bfloat16" else "float32"
  )
  ours = engine.Engine(
    params=engine.prepared(
      hf.load(folder, cfg, layout, work.dtype), cfg=cfg, layout=layout
    ),
    cfg=cfg,
    kept=filters.UNFILTERED,
    script=unending(),
    layout=layout,
    limits=config.Engine(slots=work.slots),
  )
  requests = [
    engine.Request(
      tokens=r.prompt,
      prompt_id=r.group,
      sample_id=r.sample,
      max_new_tokens=r.length,
    )
    for r in work.requests
  ]

  def lap(number: int) -> track.Lap:
    written: dict[int, list[int]] = {}
    clock = track.Clock()
    steps = 0
    for one in ours.rounds(requests, sharding.key(number, layout)):
      clock.first()
      steps += one.steps
      for i, completion in one.finished.items():
        written[i] = completion.tokens.tolist()
    tokens = [written[i] for i in range(len(requests))]
    return track.Lap(tokens, clock.seen, steps)

  return process.Ready(
    lap=lap,
    libraries=libraries(),
    note=(
      f"continuous, {work.slots} slots, a prompt read once for its group; "
      f"gives logprobs too; tokens come every {ours.limits.columns} steps or "
      "as soon as a row ends"
    ),
    peak=peak,
  )


if __name__ == "__main__":
  track.run(prepare)
