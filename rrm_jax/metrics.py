"""Figures of a run: written down, timed, guarded and shown.

`metrics.jsonl` is the record that others script against: strict JSON, one
object per line, flushed line by line, and without duplicates after a resume.
The TensorBoard events beside it are for looking.
"""

import collections
import contextlib
import datetime
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich.console
import rich.progress

from rrm_jax import sharding

if TYPE_CHECKING:
  from tensorboardX.event_file_writer import EventsWriter

# What a progress line shows of a step's figures, in this order.
_SHOWN = ("loss", "reward", "accuracy")
_SECONDS_BETWEEN_LINES = 5.0


class NonFiniteError(ValueError):
  """A figure is NaN or infinite."""


def check_finite(
  scalars: Mapping[str, float], step: int, rows: Sequence[str]
) -> None:
  """Stops a run whose figures are no longer numbers.

  Args:
    scalars: A step's figures.
    step: The step, for the message.
    rows: Names of the rows whose own figures are not finite, () if unknown.

  Raises:
    NonFiniteError: names the figures, with their values, and the rows.
  """
  bad = [f"{k}={v}" for k, v in scalars.items() if not math.isfinite(v)]
  if not bad:
    return
  raise NonFiniteError(
    f"step {step}: {', '.join(bad)}; offending rows: "
    f"{', '.join(rows) or 'none by itself'}. Resume from the checkpoint before "
    "with a smaller learning_rate or clip_norm, or without these rows"
  )


class MetricWriter:
  """Writes figures to `metrics.jsonl` and to TensorBoard, in one workdir.

  On a pod only the lead process writes; the calls of others do nothing.
  """

  def __init__(self, workdir: Path):
    self._active = sharding.is_lead()
    self._path = workdir / "metrics.jsonl"
    self._folder = workdir / "tensorboard"
    self._events: "EventsWriter | None" = None
    if self._active:
      workdir.mkdir(parents=True, exist_ok=True)
      # A kill may have cut the last line short.
      _replace(self._path, read(workdir))

  def __enter__(self) -> "MetricWriter":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def write(
    self,
    step: int,
    phase: str,
    scalars: Mapping[str, float],
    durable: bool = False,
  ) -> None:
    """Appends a step's figures.

    Args:
      step: Counts within the phase.
      phase: A stage's name, or what else was measured.
      scalars: JSON has no word for NaN and infinity: they become null.
      durable: Return only when the disk has the line, and not merely the
        operating system: for what cannot be measured again.
    """
    if not self._active:
      return
    values = {name: float(value) for name, value in scalars.items()}
    line = _line({"step": step, "phase": phase} | values)
    with self._path.open("a") as file:
      file.write(line)
      file.flush()
      if durable:
        os.fsync(file.fileno())
    self._show(step, phase, values)

  def truncate(self, phase: str, from_step: int) -> None:
    """Forgets the phase's figures from a step on: they will come again.

    A run that was killed has written figures of steps after its checkpoint;
    with this call before it resumes, no step appears twice. TensorBoard's
    events are made anew from the rows that stay.
    """
    if not self._active:
      return
    rows = read(self._path.parent)
    kept = [r for r in rows if r["phase"] != phase or r["step"] < from_step]
    if len(kept) == len(rows):
      return
    _replace(self._path, kept)
    self.close()
    shutil.rmtree(self._folder, ignore_errors=True)
    for row in kept:
      values = {k: v for k, v in row.items() if k not in ("step", "phase")}
      known = {k: v for k, v in values.items() if v is not None}
      self._show(row["step"], row["phase"], known)

  def close(self) -> None:
    """Closes the files; a later `write` opens them again."""
    if self._events is not None:
      self._events.close()
      self._events = None

  def _show(self, step: int, phase: str, values: Mapping[str, float]) -> None:
    """Appends TensorBoard events.

    Not through `SummaryWriter`, whose thread has them on its way to the file
    for an unknown time, and loses them in a kill.
    """
    # It imports PyTorch where that is: seconds, for binaries that write none.
    from tensorboardX import event_file_writer, summary
    from tensorboardX.proto.event_pb2 import Event

    if self._events is None:
      self._folder.mkdir(exist_ok=True)
      # Its own name has seconds, and a file of that name is overwritten.
      self._events = event_file_writer.EventsWriter(
        str(self._folder / "events"), f".{time.time_ns()}"
      )
    for name, value in values.items():
      event = Event(
        wall_time=time.time(),
        step=step,
        summary=summary.scalar(f"{phase}/{name}", value),
      )
      self._events.write_event(event)
    self._events.flush()


def read(workdir: Path) -> list[dict[str, Any]]:
  """The rows of a workdir's `metrics.jsonl`, without a half-written last one.

  Raises:
    ValueError: a line before the last is no JSON; names file and line.
  """
  path = workdir / "metrics.jsonl"
  lines = path.read_text().splitlines(True) if path.exists() else []
  rows = []
  for number, line in enumerate(lines, 1):
    try:
      rows.append(json.loads(line))
    except ValueError as error:
      if number < len(lines):
        raise ValueError(f"{path}:{number} is no JSON: {error}") from None
    else:
      if not line.endswith("\n"):
        rows.pop()
  return rows


def _line(row: Mapping[str, Any]) -> str:
  """One strict JSON object."""
  plain = {
    k: None if isinstance(v, float) and not math.isfinite(v) else v
    for k, v in row.items()
  }
  return json.dumps(plain, allow_nan=False) + "\n"


def _replace(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
  """Puts another file in the place of a file, in one step."""
  half = path.with_suffix(".jsonl.tmp")
  with half.open("w") as file:
    file.writelines(_line(row) for row in rows)
    file.flush()
    os.fsync(file.fileno())
  half.replace(path)


class PhaseTimer:
  """Adds up the seconds of a step's phases: `with timer("rollout"): ...`."""

  def __init__(self) -> None:
    self._seconds: dict[str, float] = {}

  @contextlib.contextmanager
  def __call__(self, phase: str) -> Iterator[None]:
    """Times what happens inside; also if it raises."""
    begun = time.perf_counter()
    try:
      yield
    finally:
      spent = time.perf_counter() - begun
      self._seconds[phase] = self._seconds.get(phase, 0.0) + spent

  def read(self, prefix: str = "time/") -> dict[str, float]:
    """Seconds of each phase since the last `read`."""
    seconds, self._seconds = self._seconds, {}
    return {f"{prefix}{phase}": value for phase, value in seconds.items()}


class Progress:
  """How far a loop is: a bar at a terminal, now and then a line in a log.

  It counts steps, or bytes.
  """

  def __init__(
    self, name: str, total: int, unit: Literal["step", "B"] = "step"
  ):
    self._name = name
    self._total = total
    self._unit = unit
    self._recent: collections.deque[tuple[float, int]] = collections.deque(
      maxlen=32
    )
    self._unsaid = ""
    self._said_at = -math.inf
    self._bar: rich.progress.Progress | None = None

  def __enter__(self) -> "Progress":
    if sharding.is_lead() and sys.stderr.isatty():
      self._bar = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.fields[line]}"),
        console=rich.console.Console(file=sys.stderr),
      )
      self._bar.add_task(self._name, total=self._total, line="")
      self._bar.start()
    return self

  def __exit__(self, *exception: object) -> None:
    if self._bar is not None:
      self._bar.stop()
    elif self._unsaid:
      self._say(self._unsaid)

  def update(self, done: int, figures: Mapping[str, float]) -> None:
    """Shows that `done` of the total are done, and their latest figures."""
    self._recent.append((time.monotonic(), done))
    line = self._text(done, figures)
    if self._bar is not None:
      self._bar.update(self._bar.task_ids[0], completed=done, line=line)
      return
    self._unsaid = f"{self._name} {line}"
    if time.monotonic() - self._said_at >= _SECONDS_BETWEEN_LINES:
      self._say(self._unsaid)

  def _say(self, line: str) -> None:
    self._unsaid = ""
    self._said_at = time.monotonic()
    if sharding.is_lead():
      print(line, file=sys.stderr, flush=True)

  def _text(self, done: int, figures: Mapping[str, float]) -> str:
    names = [name for name in _SHOWN if name in figures] or list(figures)[:3]
    in_bytes = self._unit == "B"
    parts = [f"{done}/{self._total}"]
    if in_bytes:
      parts = [f"{done / 1e9:.2f}/{self._total / 1e9:.2f} GB"]
    parts += [f"{name} {figures[name]:.4g}" for name in names]
    (then, first), (now, last) = self._recent[0], self._recent[-1]
    if last > first:
      each = (now - then) / (last - first)
      left = datetime.timedelta(seconds=round(each * (self._total - done)))
      speed = f"{1e-9 / each:.3g} GB/s" if in_bytes else f"{each:.3g} s/step"
      parts += [speed, f"{left} left"]
    return "  ".join(parts)
