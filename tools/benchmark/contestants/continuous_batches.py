"""Transformers' continuous batching, each request with its own length."""

from typing import Any

import torch
import transformers

from tools.benchmark.contestants import process, static_batches, track

# No id is this one: nothing ends a row but its length.
NEVER = -1
# Tokens of a page of the cache: whole pages of a prompt are shared. The
# default of 256 would share none of a prompt that is shorter.
PAGE = 32


def limits(work: track.Work) -> transformers.ContinuousBatchingConfig:
  """As many rows as the others, and pages for twice as many.

  Left to itself it takes the greater part of the machine's memory.
  """
  longest = max(len(r.prompt) + r.length for r in work.requests)
  return transformers.ContinuousBatchingConfig(
    page_size=PAGE,
    num_blocks=2 * work.slots * -(-longest // PAGE),
    max_requests_per_batch=work.slots,
    seed=0,
  )


def prepare(work: track.Work) -> process.Ready[track.Lap]:
  """Reads the weights and starts the thread that decodes."""
  judge = static_batches.model(work.weights, work.dtype)
  manager = judge.init_continuous_batching(
    generation_config=static_batches.drawn(
      max_new_tokens=max(r.length for r in work.requests), eos_token_id=NEVER
    ),
    continuous_batching_config=limits(work),
  )
  manager.warmup()
  manager.start()

  def lap(number: int) -> track.Lap:
    names = [f"{number}/{i}" for i in range(len(work.requests))]
    for name, request in zip(names, work.requests, strict=True):
      manager.add_request(
        request.prompt,
        request_id=name,
        max_new_tokens=request.length,
        record_timestamps=True,
      )
    done: dict[str, Any] = {}
    while len(done) < len(names):
      result = manager.get_result(timeout=1)
      if result is None and not manager.is_running():
        raise RuntimeError("the thread that decodes has ended")
      if result is not None and result.error is not None:
        raise RuntimeError(f"request {result.request_id}: {result.error}")
      if result is not None and result.is_finished():
        done[result.request_id] = result
    return track.Lap(
      [done[name].generated_tokens for name in names],
      min(one.timestamps[0] for one in done.values()),
    )

  return process.Ready(
    lap=lap,
    libraries=static_batches.libraries(),
    note=(
      f"continuous, {work.slots} rows, pages of {PAGE} tokens, prompts shared "
      f"by whole pages; attention {judge.config._attn_implementation}, "
      f"{torch.get_num_threads()} threads"
    ),
    peak=static_batches.peak,
  )


if __name__ == "__main__":
  track.run(prepare)
