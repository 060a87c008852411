"""Two processes of four devices each do what one device does alone."""

import functools
import json
import signal
import time

import jax
import numpy as np
import pytest

from rrm_jax import config, weights
from tests import small_job, tiny
from tests.launch import running

CUT = "--config.mesh.tensor=2"  # and the rest, 4, along fsdp


@pytest.fixture(scope="module")
def job(tmp_path_factory):
  """Its values, and a file that returns them."""
  values = small_job.mapping() | {"mesh": {"fsdp": -1}}
  # Few programs and few steps: most of the time goes to compiling.
  values["evaluation"] = {
    "after": "rl", "comparisons": 8, "temperatures": [0.0], "votes": [],
    "max_new_tokens": 8,
  }  # fmt: skip
  for name, steps in {"warm_start": 2, "rl": 3}.items():
    values["stages"][name]["steps"] = steps
  values["stages"]["rl"] |= {
    "objective": {},
    # Weights that know little reach no verdict by themselves.
    "sampling": {"max_new_tokens": 8, "thinking_budget": 2},
  }
  folder = tmp_path_factory.mktemp("processes")
  return values, running.write_config(folder, values)


@pytest.fixture(scope="module")
def workdirs(job):
  """The same job by one process with one device, and by two with four."""
  _, file = job
  one, two = file.parent / "one", file.parent / "two"
  for started in (
    [running.start(file, one)],
    running.start_two(file, two, CUT, launcher="slurm"),
  ):
    codes, errors = running.finish(started)
    assert not any(codes), errors
  return one, two


def test_figures_agree(workdirs):
  one, two = (running.steady(running.rows(folder)) for folder in workdirs)
  assert one.keys() == two.keys()
  assert abs(one["rl", 0]["reward"]) < 1  # there is something to learn
  for place, row in one.items():
    for name, value in row.items():
      if isinstance(value, float):
        assert two[place][name] == pytest.approx(value, rel=1e-4, abs=1e-5), (
          place, name,
        )  # fmt: skip


def test_the_same_tokens_are_drawn(workdirs):
  one, two = (
    {path.name: path.read_text() for path in folder.glob("rollouts/*.txt")}
    for folder in workdirs
  )
  assert one and one == two


def test_reports_agree(workdirs):
  one, two = (
    json.loads((folder / "report.json").read_text())["models"]
    for folder in workdirs
  )
  assert one.keys() == two.keys()
  for role in one:
    assert (
      one[role]["temperatures"]["0.0"]["accuracy"]
      == two[role]["temperatures"]["0.0"]["accuracy"]
    )


def test_both_write_a_checkpoint(workdirs):
  for step in (workdirs[1] / "checkpoints").glob("*/*"):
    parts = [step / f"state/ocdbt.process_{process}" for process in range(2)]
    sizes = [
      sum(path.stat().st_size for path in part.glob("d/*")) for part in parts
    ]
    assert min(sizes) > 10_000


def _until(file, workdir, phase, step, process, signum):
  """Runs the job till a step is done, when one process gets a signal.

  Returns:
    Exit status and errors of the other, and how long it lived on.
  """
  both = running.start_two(file, workdir, CUT)
  running.wait_for(both[0], workdir, phase, step)
  both[process].send_signal(signum)
  begun = time.monotonic()
  codes, errors = running.finish(both)
  return codes[1 - process], errors[1 - process], time.monotonic() - begun


def test_one_process_dies_and_the_job_goes_on(workdirs, job, tmp_path):
  """Asked to stop, killed beside the lead, killed as the lead: equal bits."""
  values, file = job
  run = functools.partial(_until, file, tmp_path)
  code, errors, _ = run("warm_start", 0, 1, signal.SIGTERM)
  assert code == 128 + signal.SIGTERM
  assert "the same command continues" in errors
  code, errors, seconds = run("rl", 0, 1, signal.SIGKILL)
  assert code == 1 and seconds < 60
  assert "error: left without the other processes" in errors
  code, errors, seconds = run("rl", 1, 0, signal.SIGKILL)
  assert code and seconds < 60
  codes, errors = running.finish(running.start_two(file, tmp_path, CUT))
  assert not any(codes), errors
  assert "rl: resumed at step" in errors[0] and "DAMAGED" not in errors[0]
  _, whole = workdirs
  assert running.steady(running.rows(tmp_path)) == running.steady(
    running.rows(whole)
  )
  cfg = config.from_mapping(config.Job, values)
  jax.tree.map(
    np.testing.assert_array_equal,
    *(
      weights.saved_params(cfg, folder, "rl", tiny.layout())
      for folder in (tmp_path, whole)
    ),
  )
