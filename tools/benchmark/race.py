"""Contestants as processes: started, sent round by round, and ended.

All are ready before the first round, and in each round they run one after the
other: what else the machine does hits them alike, and none is ever running
while another is measured.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

ROOT = Path(__file__).parent.parent.parent
PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
ABSENT = "run tools/benchmark/peers.sh"

# A NamedTuple of what a contestant says of a round.
R = TypeVar("R", bound=Any)


class Entry(NamedTuple):
  """A contestant that a suite has.

  Attributes:
    module: Its script in `contestants/`.
    arguments: After the file with the work.
    peer: Whether it lives in the peers' environment.
  """

  module: str
  arguments: tuple[str, ...] = ()
  peer: bool = False


class Contestant(NamedTuple):
  """Who takes part.

  Attributes:
    name: In tables.
    module: Its script.
    python: The interpreter to run it; "" if there is none.
    absent: What to do when there is none.
    arguments: After the file with the work.
  """

  name: str
  module: str
  python: str
  absent: str = ""
  arguments: tuple[str, ...] = ()


def contestants(
  names: Sequence[str], entries: Mapping[str, Entry], peers_python: str
) -> list[Contestant]:
  """Who takes part.

  Args:
    names: Of entries.
    entries: What the suite has.
    peers_python: The peers' interpreter; where peers.sh puts it if empty.

  Raises:
    ValueError: a name is none of the entries', or there is no such Python.
  """
  peers = Path(peers_python or PEERS)
  if peers_python and not peers.exists():
    raise ValueError(
      f"--peers_python={peers} does not exist; {ABSENT}, or leave the flag out"
    )
  made = []
  for name in names:
    if name not in entries:
      raise ValueError(
        f"{name!r} is no contestant; there are {', '.join(entries)}"
      )
    entry, python = entries[name], sys.executable
    if entry.peer:
      python = str(peers) if peers.exists() else ""
    module = f"tools.benchmark.contestants.{entry.module}"
    made.append(Contestant(name, module, python, ABSENT, entry.arguments))
  return made


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
    command += contestant.arguments
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

  def round(self) -> dict[str, Any]:
    """Runs a round: its figures.

    Raises:
      Failure: it ended, or did not answer in time.
    """
    assert self._process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # then it has no answer either
      self._process.stdin.write("\n")
      self._process.stdin.flush()
    return self._answer()

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


class Standing(Generic[R]):
  """A contestant during its rounds.

  Attributes:
    contestant: Who.
    about: What it says when it is ready.
    rounds: What it says of each.
    failure: Why it is out.
  """

  def __init__(self, contestant: Contestant, rounds_are: Callable[..., R]):
    self.contestant = contestant
    self.about: dict[str, Any] = {}
    self.rounds: list[R] = []
    self.failure: Failure | None = None
    self._round = rounds_are
    self._runner: Runner | None = None

  def start(
    self, file: Path, patience: float, stack: contextlib.ExitStack
  ) -> None:
    """Starts it, until the stack is closed, and says how that went."""

    def ready() -> str:
      self._runner = stack.enter_context(
        running(self.contestant, file, patience)
      )
      self.about = self._runner.ready()
      versions = (f"{k} {v}" for k, v in self.about["libraries"].items())
      return f"{' '.join(versions)}; {self.about['note']}"

    self._attempt(ready)

  def run(self, told: Callable[[R], str]) -> None:
    """Runs a round and prints what is to be told of it."""

    def done() -> str:
      assert self._runner is not None
      self.rounds.append(self._round(**self._runner.round()))
      return told(self.rounds[-1])

    self._attempt(done)

  def _attempt(self, work: Callable[[], str]) -> None:
    """Says how some of its work went; its failure is its own."""
    if self.failure is not None:
      return
    name = self.contestant.name
    try:
      print(f"  {name}: {work()}", flush=True)
    except Failure as failure:
      self.failure = failure
      print(f"  {name}: {failure}", flush=True)

  def entry(self) -> dict[str, Any]:
    """Its part of a report, without the figures."""
    return {
      **self.about,
      "rounds": [one._asdict() for one in self.rounds],
      "log": self.failure.log if self.failure is not None else "",
    }
