"""The largest microbatch whose update fits."""

import dataclasses

from rrm_jax import config
from rrm_jax.sharding import Layout
from tools.plan import learning, memory
from tools.plan.compiled import Measured, TooLarge


def counts(stage: config.Grpo, layout: Layout) -> list[int]:
  """Numbers of microbatches that the rows divide into, from the fewest."""
  rows = stage.comparisons * stage.samples
  if rows % (stage.minibatches * layout.batch_parts):
    return []
  each = rows // (stage.minibatches * layout.batch_parts)
  prompts = stage.prefixes // stage.minibatches
  return [n for n in range(1, each + 1) if each % n == prompts % n == 0]


def largest(
  job: config.Job,
  stage: config.Grpo,
  layout: Layout,
  sizes: dict[str, int],
  limit: float,
) -> tuple[config.Grpo, Measured]:
  """The stage with the fewest microbatches whose update fits, and that.

  Args:
    job: The job.
    stage: One of it.
    layout: The devices.
    sizes: Bytes on each of what the step holds; see `memory`.
    limit: Bytes that each has.

  Raises:
    TooLarge: not even the smallest microbatch does.
    ValueError: the rows cannot be cut over the devices at all.
  """
  tried = counts(stage, layout)
  if not tried:
    learning.check_rows(stage, layout)
  best: tuple[config.Grpo, Measured] | None = None
  low, high = 0, len(tried)
  while low < high:  # the first that fits is among tried[low:high + 1]
    middle = (low + high) // 2
    one = dataclasses.replace(stage, microbatches=tried[middle])
    try:
      done = learning.measured("update", job, one, layout)
      needed = memory.held("update", done.peak, sizes).total
      fits, told = needed <= limit, f"{needed / 2**30:.2f} GiB on each chip"
    except TooLarge as error:
      fits, told = False, str(error)
    told += ", fits" if fits else ", does not fit"
    print(f"microbatches={tried[middle]}: {told}", flush=True)
    if fits:
      best, high = (one, done), middle
    else:
      low = middle + 1
  if best is None:
    raise TooLarge(
      f"no microbatch of the update fits, not even one row on each of "
      f"{layout.batch_parts} parts of the batch; cut the model further: "
      "more chips, or mesh.tensor"
    )
  return best
