"""What loading and saving take, in processes of their own."""

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rrm_jax.model import hf_table, shard_writer
from tests import hf_folders
from tests.model import hf_process

ROOT = Path(__file__).parents[2]


def start(*arguments):
  environment = {
    **os.environ,
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
    "JAX_PLATFORMS": "cpu",
    # What is freed goes back at once, or it would be counted as held.
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
  }
  return subprocess.Popen(
    [sys.executable, "-m", "tests.model.hf_process", *map(str, arguments)],
    cwd=ROOT, env=environment, text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )  # fmt: skip


def finish(processes):
  """What each printed; when one fails, none is left waiting for it."""
  found = []
  try:
    for process in processes:
      output, errors = process.communicate(timeout=300)
      assert process.returncode == 0, errors
      found.append(json.loads(output.splitlines()[-1]))
  finally:
    for process in processes:
      process.kill()
      process.communicate()
  return found


@pytest.mark.skipif(
  not Path("/proc/self/status").exists(), reason="/proc says how much it took"
)
@pytest.mark.parametrize("way", ["memory", "accelerator"])
def test_memory_beyond_what_is_held_is_a_tensor_or_two(tmp_path, way):
  places = hf_table.places(hf_process.LARGE).items()
  shapes = {name: kind.stored for name, (kind, _) in places}
  values = (np.full(shape, 0.5, np.float32) for shape in shapes.values())
  shard_writer.write(tmp_path / "a", shapes, "float32", values, 10**9)
  [found] = finish([start(way, tmp_path / "a", tmp_path)])
  largest = 4 * max(map(math.prod, shapes.values()))
  assert found["held"] > 6 * largest  # so that the bounds can fail
  # A host's own: some blocks of files, and when saving two tensors of half
  # the size. For accelerators a tensor that is read while the one before it
  # is not yet free.
  bound = {"memory": 1, "accelerator": 2}[way] * largest + 50_000_000
  assert found["loading"] < bound, (found, bound)
  assert found["saving"] < bound, (found, bound)


def test_two_processes_read_a_half_each_and_write_one_folder(tmp_path):
  folder = hf_folders.make(tmp_path / "a", shard_bytes=12_000)
  with socket.socket() as s:
    s.bind(("localhost", 0))
    address = f"localhost:{s.getsockname()[1]}"
  processes = [
    start("pair", folder, tmp_path / "b", address, number)
    for number in range(2)
  ]
  lead, other = finish(processes)
  # The biases have no dimension that fsdp cuts.
  biases = 4 * 2 * (32 + 16 + 16)
  for found in (lead, other):
    assert found["read"] == (found["size"] - biases) // 2 + biases
    assert found["files"] > 2
  assert hf_folders.tensors(folder) == hf_folders.tensors(tmp_path / "b")
  said = ("not bfloat16", "is there already", "not equal")
  assert len(lead["failures"]) == len(other["failures"]) == len(said)
  for part, message in zip(said, lead["failures"], strict=True):
    assert part in message
