"""What all contestants of the rollout suite run on; the standard library only.

Each is started as `python -m tools.benchmark.contestants.NAME FILE.json` and
writes what the file asks for, once for each line that it reads, as `process.py`
has it.
"""

import functools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.benchmark.contestants import process


class Request(NamedTuple):
  """One completion to be written: `length` tokens after the prompt's."""

  prompt: list[int]
  group: int
  sample: int
  length: int


class Work(NamedTuple):
  """What to do in a round.

  Attributes:
    weights: A Hugging Face folder.
    model: Its config.json.
    dtype: Of weights and computation, "float32" or "bfloat16".
    slots: How many rows may be decoded together.
    requests: What is asked for.
  """

  weights: str
  model: dict
  dtype: str
  slots: int
  requests: list[Request]

  def batches(self) -> list[list[Request]]:
    """Static batches, as the requests come."""
    starts = range(0, len(self.requests), self.slots)
    return [self.requests[i : i + self.slots] for i in starts]


class Lap(NamedTuple):
  """What a round was.

  Attributes:
    written: The new tokens of every request, in their order.
    first: When the first token was in the host's hands, by `time.perf_counter`.
    steps: Decoding steps, 0 if unknown.
  """

  written: Sequence[Sequence[int]]
  first: float
  steps: int = 0


class Clock:
  """Remembers when the first token was there."""

  def __init__(self) -> None:
    self.seen = 0.0

  def first(self) -> None:
    """A token is there, the first or another."""
    self.seen = self.seen or time.perf_counter()


def read(file: Path) -> Work:
  """The workload."""
  found = json.loads(file.read_text())
  requests = [Request(*one) for one in found.pop("requests")]
  return Work(requests=requests, **found)


def check(work: Work, written: Sequence[Sequence[int]]) -> None:
  """Everyone writes what was asked for, no more and no less.

  Raises:
    ValueError: a completion is missing, of another length, or has ids beyond
      the vocabulary.
  """
  if len(written) != len(work.requests):
    raise ValueError(
      f"{len(written)} completions for {len(work.requests)} requests"
    )
  for i, (tokens, request) in enumerate(
    zip(written, work.requests, strict=True)
  ):
    if len(tokens) != request.length:
      raise ValueError(
        f"request {i}: {len(tokens)} tokens, asked for {request.length}"
      )
    if min(tokens) < 0 or max(tokens) >= work.model["vocab_size"]:
      raise ValueError(f"request {i}: ids beyond the vocabulary: {tokens}")


def run(prepare: Callable[[Work], process.Ready[Lap]]) -> None:
  """Runs a contestant to the end of what it reads."""
  work = read(Path(sys.argv[1]))

  def figures(lap: Lap, begun: float) -> dict[str, float]:
    check(work, lap.written)
    return {"first": lap.first - begun, "steps": lap.steps}

  process.serve(functools.partial(prepare, work), figures)
