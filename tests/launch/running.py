"""Starts launch binaries as a user does, and reads what they write."""

import atexit
import json
import os
import socket
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


def free_port():
  with socket.socket() as s:
    s.bind(("localhost", 0))
    return s.getsockname()[1]


# What launchers tell the processes of a job, here two on this host.
LAUNCHERS = {
  "slurm": {
    "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2", "SLURM_PROCID": "{}", "SLURM_LOCALID": "{}",
  },
  "open mpi": {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://127.0.0.1,10.0.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "{}",
    "OMPI_COMM_WORLD_LOCAL_RANK": "{}",
  },
  "gke": {
    "TPU_WORKER_HOSTNAMES": "localhost,localhost", "TPU_WORKER_ID": "{}",
    "MEGASCALE_COORDINATOR_ADDRESS": "localhost",
    "MEGASCALE_NUM_SLICES": "1", "MEGASCALE_SLICE_ID": "0",
    "JAX_FORCE_TPU_INIT": "1",  # stands for the chips that are not here
  },
}  # fmt: skip


def one_of_two(process, port, launcher=None):
  """Flags and environment of a process, by what it finds the other."""
  if launcher is None:
    address = f"--coordinator=localhost:{port}"
    return [address, "--processes=2", f"--process={process}"], {}
  told = {k: v.format(process) for k, v in LAUNCHERS[launcher].items()}
  return ["--coordinator=auto"], told | {"JAX_COORDINATOR_PORT": f"{port}"}


def environment(devices):
  """That of a process with so many CPU devices; they share what is compiled."""
  return {
    **os.environ,
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    "JAX_COMPILATION_CACHE_DIR": _COMPILED.name,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
  }


def start(file, workdir, *more, devices=1, told=None):
  """launch.train as a process of its own, on that many CPU devices."""
  return subprocess.Popen(
    [
      sys.executable, "-m", "launch.train",
      f"--config={file}", f"--workdir={workdir}", *more,
    ],
    cwd=ROOT, env=environment(devices) | (told or {}), text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )  # fmt: skip


def start_two(file, workdir, *more, launcher=None):
  """The two processes of a job, with four devices each."""
  port = free_port()
  both = [one_of_two(process, port, launcher) for process in range(2)]
  return [
    start(file, workdir, *flags, *more, devices=4, told=told)
    for flags, told in both
  ]


def finish(processes):
  """Exit statuses and errors; when one hangs, none is left behind."""
  try:
    found = [process.communicate(timeout=LONG) for process in processes]
    return [p.returncode for p in processes], [errors for _, errors in found]
  finally:
    for process in processes:
      process.kill()
      process.communicate()


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


def cached(folder):
  """The keys of all judgements in a cache, one for each time it was made."""
  lines = [
    line
    for path in folder.glob("*.jsonl")
    for line in path.read_bytes().split(b"\n")[:-1]
  ]
  rows = [json.loads(line) for line in lines]
  return [row["key"] for row in rows if "key" in row]


def kill_after(process, folder, least):
  """Kills a run once so many judgements are on disk."""
  begun = time.monotonic()
  while len(cached(folder)) < least:
    assert process.poll() is None, process.communicate()
    assert time.monotonic() - begun < LONG
    time.sleep(0.01)
  process.kill()
  process.communicate()
