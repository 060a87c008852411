"""What requests have become: completions, and rows for a learner."""

import collections
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rrm_jax.batches import Array, Prefix
from rrm_jax.sampling.schedule import bucket


class Completion(NamedTuple):
  """What a request has become; T tokens.

  Attributes:
    tokens: Ids [T], the stop token included.
    logprobs: Of the distribution that was sampled [T], 0 where forced.
    forced: Written by the thinking budget, not by the model [T].
    stopped: It ended with a stop token, not for want of room.
  """

  tokens: np.ndarray
  logprobs: np.ndarray
  forced: np.ndarray
  stopped: bool


class Round(NamedTuple):
  """What one round brought.

  Attributes:
    written: New tokens by the number of their request.
    finished: Completions by the number of their request.
    steps: Decoding steps of all slots.
    busy: Share of the slots' steps that wrote a token, 0 to 1.
    remaining: Requests that are not finished.
  """

  written: dict[int, np.ndarray]
  finished: dict[int, Completion]
  steps: int
  busy: float
  remaining: int


class Throughput:
  """How fast an engine writes, over its last rounds."""

  def __init__(self, rounds: int = 32):
    """Looks back over so many rounds."""
    self._seen: collections.deque[tuple[float, int, float, int]]
    self._seen = collections.deque(maxlen=rounds)
    self._since = time.perf_counter()

  def __call__(self, one: Round) -> dict[str, float]:
    """Tokens per second, and the share of slots that were busy."""
    tokens = sum(map(len, one.written.values()))
    now = time.perf_counter()
    self._seen.append((now - self._since, tokens, one.busy, one.steps))
    self._since = now
    seconds, written, busy, steps = zip(*self._seen, strict=True)
    weighed = sum(b * n for b, n in zip(busy, steps, strict=True))
    return {
      "tokens/s": sum(written) / max(1e-9, sum(seconds)),
      "busy": weighed / max(1, sum(steps)),
    }


def joined(parts: list[Completion]) -> Completion:
  """One completion from its parts."""
  return Completion(
    np.concatenate([part.tokens for part in parts]),
    np.concatenate([part.logprobs for part in parts]),
    np.concatenate([part.forced for part in parts]),
    stopped=parts[-1].stopped,
  )


class Rows(NamedTuple):
  """Completions as arrays, for a learner; fields as of `LearnerBatch`."""

  prefix: Prefix
  tokens: Array
  sampled: Array
  logprobs: Array


def rows(
  completions: Sequence[Completion],
  prompts: Sequence[Sequence[int]],
  most: int,
) -> Rows:
  """Completions [N, T], G of each prompt one after the other.

  Each shape is a program to compile, so there are few: T is all the room, half
  or a quarter of it, and prompts have a `bucket` of columns.

  Args:
    completions: Of P prompts, G of each.
    prompts: Their tokens.
    most: The most tokens that a completion may have.
  """
  longest = max(len(one.tokens) for one in completions)
  widths = -(-most // 4), -(-most // 2), most
  width = next(n for n in widths if longest <= n)
  length = np.array(list(map(len, prompts)), np.int32)
  before = np.zeros((len(prompts), bucket(int(length.max()))), np.int32)
  for i, prompt in enumerate(prompts):
    before[i, : len(prompt)] = prompt
  shape = (len(completions), width)
  made = Rows(
    Prefix(before, length),
    tokens=np.zeros(shape, np.int32),
    sampled=np.zeros(shape, bool),
    logprobs=np.zeros(shape, np.float32),
  )
  for i, one in enumerate(completions):
    end = len(one.tokens)
    made.tokens[i, :end] = one.tokens
    made.sampled[i, :end] = ~one.forced
    made.logprobs[i, :end] = one.logprobs
  return made
