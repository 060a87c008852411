"""Figures are written once, strictly, and shown."""

import io
import json
import math
import os
import pty
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboardX.proto import event_pb2

from rrm_jax import metrics
from rrm_jax.metrics import (
  MetricWriter,
  NonFiniteError,
  PhaseTimer,
  Progress,
  check_finite,
)

ROOT = Path(__file__).parent.parent


def strict_lines(workdir):
  def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")

  text = (workdir / "metrics.jsonl").read_text()
  assert text.endswith("\n") or not text
  return [json.loads(x, parse_constant=refuse) for x in text.splitlines()]


def events(workdir):
  """(tag, step, value) of every event file, read by their published framing."""
  found = []
  for path in sorted((workdir / "tensorboard").iterdir()):
    data = path.read_bytes()
    while data:
      (size,) = struct.unpack("<Q", data[:8])
      event = event_pb2.Event.FromString(data[12 : 12 + size])
      data = data[12 + size + 4 :]
      found += [
        (v.tag, event.step, v.simple_value) for v in event.summary.value
      ]
  return found


def test_rows_and_events(tmp_path):
  with MetricWriter(tmp_path / "run") as writer:
    writer.write(0, "rl", {"loss": 0.5, "time/learn": 2})
    # Flushed: a reader sees it while the run goes on.
    assert len(strict_lines(tmp_path / "run")) == 1
    assert len(events(tmp_path / "run")) == 2
    writer.write(1, "rl_heldout", {"accuracy": 0.75}, durable=True)
  assert strict_lines(tmp_path / "run") == [
    {"step": 0, "phase": "rl", "loss": 0.5, "time/learn": 2.0},
    {"step": 1, "phase": "rl_heldout", "accuracy": 0.75},
  ]
  assert metrics.read(tmp_path / "run") == strict_lines(tmp_path / "run")
  assert sorted(events(tmp_path / "run")) == [
    ("rl/loss", 0, 0.5),
    ("rl/time/learn", 0, 2.0),
    ("rl_heldout/accuracy", 1, 0.75),
  ]


def test_no_number_is_null(tmp_path):
  with MetricWriter(tmp_path) as writer:
    writer.write(3, "rl", {"a": math.nan, "b": math.inf, "c": 1.0})
  assert strict_lines(tmp_path) == [
    {"step": 3, "phase": "rl", "a": None, "b": None, "c": 1.0}
  ]
  assert ("rl/b", 3, math.inf) in events(tmp_path)


def test_a_resumed_run_repeats_no_step(tmp_path):
  with MetricWriter(tmp_path) as writer:
    for step in range(4):
      writer.write(step, "warm", {"loss": step})
    for step in range(3):
      writer.write(step, "rl", {"loss": 10 + step, "bad": math.nan})
  with MetricWriter(tmp_path) as writer:
    writer.truncate("rl", 1)
    writer.write(1, "rl", {"loss": 21})
  kept = [(r["phase"], r["step"], r["loss"]) for r in strict_lines(tmp_path)]
  warm = [("warm", step, step) for step in range(4)]
  assert kept == [*warm, ("rl", 0, 10), ("rl", 1, 21)]
  shown = [(t.split("/")[0], s, v) for t, s, v in events(tmp_path)]
  assert shown == kept
  assert sorted(p.name for p in tmp_path.iterdir()) == [
    "metrics.jsonl",
    "tensorboard",
  ]


def test_truncating_nothing_changes_nothing(tmp_path):
  with MetricWriter(tmp_path) as writer:
    writer.write(0, "rl", {"loss": 1})
    before = (tmp_path / "metrics.jsonl").stat().st_ino
    writer.truncate("rl", 1)
    writer.truncate("other", 0)
    assert (tmp_path / "metrics.jsonl").stat().st_ino == before
    assert len(events(tmp_path)) == 1


@pytest.mark.parametrize("cut", [1, 2, 20, 38, 39, 40])
def test_a_half_written_line_is_dropped(tmp_path, cut):
  with MetricWriter(tmp_path) as writer:
    writer.write(0, "rl", {"loss": 1})
    writer.write(1, "rl", {"loss": 2})
  path = tmp_path / "metrics.jsonl"
  assert len(path.read_bytes()) == 2 * 40
  path.write_bytes(path.read_bytes()[:-cut])
  with MetricWriter(tmp_path) as writer:
    writer.write(1, "rl", {"loss": 3})
  assert [row["loss"] for row in strict_lines(tmp_path)] == [1, 3]


def test_garbage_inside_is_named(tmp_path):
  (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"st\n{"step": 1}\n')
  with pytest.raises(ValueError, match=r"metrics.jsonl:2 is no JSON"):
    MetricWriter(tmp_path)


def test_timer_adds_up_and_resets(monkeypatch):
  clock = iter([0.0, 1.0, 5.0, 7.0, 10.0, 10.5])
  monkeypatch.setattr(metrics.time, "perf_counter", lambda: next(clock))
  timer = PhaseTimer()
  with timer("rollout"):
    pass
  with pytest.raises(KeyError), timer("rollout"):
    raise KeyError
  with timer("learn"):
    pass
  assert timer.read() == {"time/rollout": 3.0, "time/learn": 0.5}
  assert timer.read() == {}


def test_non_finite_figures_stop_the_run():
  check_finite({"loss": 1.0, "steps": 3}, 5, ())
  with pytest.raises(NonFiniteError) as error:
    check_finite(
      {"loss": math.nan, "ok": 1.0, "norm": -math.inf}, 7, ["a 3", "b 1"]
    )
  for part in ("step 7", "loss=nan", "norm=-inf", "a 3, b 1"):
    assert part in str(error.value)
  assert "ok" not in str(error.value)


def test_progress_in_a_log(monkeypatch):
  now = 100.0
  monkeypatch.setattr(metrics.time, "monotonic", lambda: now)
  monkeypatch.setattr(sys, "stderr", io.StringIO())
  with Progress("rl", 100) as progress:
    for step in range(41, 101):
      progress.update(step, {"loss": 0.25, "grad": 3, "accuracy": step / 100})
      now += 0.5
  lines = sys.stderr.getvalue().splitlines()
  assert lines[0] == "rl 41/100  loss 0.25  accuracy 0.41"
  # A line every five seconds, and the last.
  assert lines[1] == (
    "rl 51/100  loss 0.25  accuracy 0.51  0.5 s/step  0:00:24 left"
  )
  assert len(lines) == 7
  assert lines[-1].startswith("rl 100/100  loss 0.25  accuracy 1  ")


def test_progress_says_the_last_line_of_a_failed_loop(monkeypatch):
  monkeypatch.setattr(sys, "stderr", io.StringIO())
  with pytest.raises(KeyError), Progress("rl", 9) as progress:
    progress.update(1, {"other": 1})
    progress.update(2, {"other": 2})
    raise KeyError
  assert sys.stderr.getvalue() == (
    "rl 1/9  other 1\nrl 2/9  other 2  " + sys.stderr.getvalue()[33:]
  )


def test_progress_at_a_terminal():
  code = (
    "from rrm_jax.metrics import Progress\n"
    "with Progress('rl', 3) as progress:\n"
    "  for i in range(3): progress.update(i + 1, {'loss': 0.125})\n"
  )
  ours, theirs = pty.openpty()
  subprocess.run(
    [sys.executable, "-c", code], stderr=theirs, cwd=ROOT, check=True
  )
  os.close(theirs)
  shown = b""
  while True:
    try:
      chunk = os.read(ours, 4096)
    except OSError:  # how Linux says that the other side is closed
      break
    if not chunk:
      break
    shown += chunk
  os.close(ours)
  assert b"3/3" in shown
  assert b"loss 0.125" in shown
  assert "━".encode() in shown or b"-" in shown
