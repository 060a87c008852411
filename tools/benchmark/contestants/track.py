"""What all contestants of the rollout suite run on; the standard library only.

They live in different environments. Each is started as

  python -m tools.benchmark.contestants.NAME FILE.json

with the workload in the file, says in a line of JSON that it is ready, runs
one round for each line that it reads, and answers each with a line of JSON.
"""

import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


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


class Ready(NamedTuple):
  """A contestant at the start.

  Attributes:
    lap: Runs a round, given its number.
    libraries: Versions by name.
    note: What one has to know to judge its figures.
    peak: Most bytes of memory held so far.
  """

  lap: Callable[[int], Lap]
  libraries: dict[str, str]
  note: str
  peak: Callable[[], int]


def host_peak() -> int:
  """The most bytes of host memory that this process has held so far.

  Linux's `getrusage` would count those of the process that started it.
  """
  status = Path("/proc/self/status")
  if status.exists():
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
    if found:
      return int(found[1]) * 1024
  most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return most if sys.platform == "darwin" else most * 1024


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


def run(prepare: Callable[[Work], Ready]) -> None:
  """Runs a contestant to the end of what it reads.

  Then the process ends at once: a library may have threads that wait.
  """
  status = 1
  try:
    _rounds(prepare)
    status = 0
  except BaseException:
    traceback.print_exc()
  sys.stderr.flush()
  os._exit(status)


def _rounds(prepare: Callable[[Work], Ready]) -> None:
  out = os.fdopen(os.dup(1), "w")
  os.dup2(2, 1)  # what libraries print is not an answer

  def say(**fields: object) -> None:
    print(json.dumps(fields), file=out, flush=True)

  work = read(Path(sys.argv[1]))
  ready = prepare(work)
  say(libraries=ready.libraries, note=ready.note)
  for number, _ in enumerate(sys.stdin):
    begun, spent = time.perf_counter(), time.process_time()
    lap = ready.lap(number)
    seconds = time.perf_counter() - begun
    cores = time.process_time() - spent
    check(work, lap.written)
    say(
      seconds=seconds,
      cores=cores,
      first=lap.first - begun,
      steps=lap.steps,
      peak=ready.peak(),
    )
