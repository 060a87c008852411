"""Contestants as processes: started, sent round by round, and ended.

All are ready before the first round, and in each round they run one after the
other: what else the machine does hits them alike, and none is ever running
while another is measured.
"""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Contestant(NamedTuple):
  """Who takes part.

  Attributes:
    name: In tables.
    module: Its script.
    python: The interpreter to run it; "" if there is none.
    absent: What to do when there is none.
  """

  name: str
  module: str
  python: str
  absent: str = ""


class Round(NamedTuple):
  """What a contestant says of a round.

  Attributes:
    seconds: Wall time.
    cores: Seconds of all CPU cores, which a busy machine stretches less.
    first: Seconds until the first token was in the host's hands.
    steps: Decoding steps, 0 if unknown.
    peak: The most bytes of memory held so far.
  """

  seconds: float
  cores: float
  first: float
  steps: int
  peak: int


class Failure(Exception):
  """A contestant that is out, in one line; `log` is what it printed last."""

  def __init__(self, line: str, log: str = ""):
    super().__init__(line)
    self.log = log


class Runner:
  """One contestant's process."""

  def __init__(self, contestant: Contestant, work: Path, patience: float):
    """Starts it.

    Args:
      contestant: Who.
      work: The file with the workload; the log is written beside it.
      patience: Seconds without an answer until it is out.

    Raises:
      Failure: there is no interpreter for it.
    """
    if not contestant.python:
      raise Failure(f"absent: {contestant.absent}")
    self._patience = patience
    self._log = work.with_suffix(f".{contestant.name}.log")
    command = [contestant.python, "-m", contestant.module, str(work)]
    try:
      with self._log.open("w") as log:
        self._process = subprocess.Popen(
          command,
          stdin=subprocess.PIPE,
          stdout=subprocess.PIPE,
          stderr=log,
          text=True,
          cwd=ROOT,
          env=_environment(),
        )
    except OSError as error:
      raise Failure(f"{contestant.python}: {error.strerror}") from None

  def ready(self) -> dict[str, Any]:
    """Versions and a note, when it is ready.

    Raises:
      Failure: it is not.
    """
    return self._answer()

  def round(self) -> Round:
    """Runs a round.

    Raises:
      Failure: it ended, or did not answer in time.
    """
    assert self._process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # then it has no answer either
      self._process.stdin.write("\n")
      self._process.stdin.flush()
    return Round(**self._answer())

  def close(self) -> None:
    """Ends the process."""
    self._process.kill()
    self._process.communicate()

  def _answer(self) -> dict[str, Any]:
    assert self._process.stdout is not None
    late = threading.Event()

    def end() -> None:
      late.set()
      self._process.kill()

    timer = threading.Timer(self._patience, end)
    timer.start()
    line = self._process.stdout.readline()
    timer.cancel()
    if line:
      return dict(json.loads(line))
    self._process.wait()
    log = self._log.read_text(errors="replace").strip()
    if late.is_set():
      raise Failure(f"no answer in {self._patience:.0f} s", log[-4_000:])
    raise Failure(_last_error(log, self._process.returncode), log[-4_000:])


def _last_error(log: str, status: int) -> str:
  """The line of a log that says what went wrong."""
  lines = [line.strip() for line in log.splitlines()]
  errors = [line for line in lines if "Error: " in line]
  if errors:
    return errors[-1]
  return f"exit status {status}: {lines[-1] if lines else 'nothing said'}"


def _environment() -> dict[str, str]:
  """Ours, but all compile, share a device, and do not ask the network.

  Torch's threads spin while they wait for each other. Where something else
  runs on one of the cores, that made `generate` eight times slower; who wants
  them to spin sets OMP_WAIT_POLICY=active.
  """
  paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
  waiting = {"OMP_WAIT_POLICY": "passive"}
  return {**waiting, **os.environ} | {
    "PYTHONPATH": os.pathsep.join(paths),
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
  }


@contextlib.contextmanager
def running(
  contestant: Contestant, work: Path, patience: float
) -> Iterator[Runner]:
  """A contestant's process, ended whatever happens.

  Raises:
    Failure: it cannot be started.
  """
  runner = Runner(contestant, work, patience)
  try:
    yield runner
  finally:
    runner.close()
