"""What a contestant's process runs on; the standard library only.

They live in different environments. Each says in a line of JSON that it is
ready, runs one round for each line that it reads, and answers each with a line
of JSON.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

Lap = TypeVar("Lap")


class Ready(NamedTuple, Generic[Lap]):
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


def serve(
  prepare: Callable[[], Ready[Lap]],
  figures: Callable[[Lap, float], Mapping[str, float]],
) -> None:
  """Runs a contestant to the end of what it reads.

  Then the process ends at once: a library may have threads that wait.

  Args:
    prepare: Makes it ready.
    figures: What to say of a lap, given when it began by `time.perf_counter`;
      after its time is taken.
  """
  status = 1
  try:
    _rounds(prepare, figures)
    status = 0
  except BaseException:
    traceback.print_exc()
  sys.stderr.flush()
  os._exit(status)


def _rounds(
  prepare: Callable[[], Ready[Lap]],
  figures: Callable[[Lap, float], Mapping[str, float]],
) -> None:
  out = os.fdopen(os.dup(1), "w")
  os.dup2(2, 1)  # what libraries print is not an answer

  def say(fields: Mapping[str, object]) -> None:
    print(json.dumps(fields), file=out, flush=True)

  ready = prepare()
  say({"libraries": ready.libraries, "note": ready.note})
  for number, _ in enumerate(sys.stdin):
    begun, spent = time.perf_counter(), time.process_time()
    lap = ready.lap(number)
    seconds = time.perf_counter() - begun
    cores = time.process_time() - spent
    more = figures(lap, begun)
    say({"seconds": seconds, "cores": cores, "peak": ready.peak(), **more})
