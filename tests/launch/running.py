"""Starts launch binaries as a user does, and reads what they write."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rrm_jax import config

ROOT = Path(__file__).parents[2]
LONG = 600  # seconds; a run takes about twenty
_COMPILED = tempfile.TemporaryDirectory(prefix="rrm_jax-compiled-")
atexit.register(_COMPILED.cleanup)


def write_config(folder, values):
  """A config file that returns these values, completed."""
  path = folder / "job.py"
  values = config.complete(config.Job, values)
  path.write_text(
    "import ml_collections\n\n\n"
    f"def get_config():\n  return ml_collections.ConfigDict({values!r})\n"
  )
  return path


def environment(devices):
  """That of a process with so many CPU devices; they share what is compiled."""
  return {
    **os.environ,
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    "JAX_COMPILATION_CACHE_DIR": _COMPILED.name,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
  }


def start(file, workdir, *more, devices=1):
  """launch.train as a process of its own, on that many CPU devices."""
  return subprocess.Popen(
    [
      sys.executable, "-m", "launch.train",
      f"--config={file}", f"--workdir={workdir}", *more,
    ],
    cwd=ROOT, env=environment(devices), text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )  # fmt: skip


def run(file, workdir, *more):
  """launch.train to its end: exit status, output, errors."""
  process = start(file, workdir, *more)
  output, errors = process.communicate(timeout=LONG)
  return process.returncode, output, errors


def rows(workdir):
  """The whole lines of metrics.jsonl, also of one being written."""
  path = workdir / "metrics.jsonl"
  lines = path.read_text().splitlines() if path.exists() else []
  found = []
  for line in lines:
    try:
      found.append(json.loads(line))
    except ValueError:  # being written
      break
  return found


def wait_for(process, workdir, phase, step):
  """Returns once a step is in the metrics."""
  begun = time.monotonic()
  while time.monotonic() - begun < LONG:
    if any(r["phase"] == phase and r["step"] >= step for r in rows(workdir)):
      return
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)
  raise AssertionError(f"no step {step} of {phase}")


def steady(lines):
  """Rows by place, without their times."""
  return {
    (row["phase"], row["step"]): {
      k: v for k, v in row.items() if not k.startswith("time/")
    }
    for row in lines
  }
