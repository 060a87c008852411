"""Two processes of four devices each do what one device does alone."""

import json
import socket

import pytest

from tests import small_job
from tests.launch import running


def _free_port():
  with socket.socket() as s:
    s.bind(("localhost", 0))
    return s.getsockname()[1]


def _finish(processes):
  """Waits for all; when one fails, none is left waiting for it."""
  try:
    for process in processes:
      _, errors = process.communicate(timeout=running.LONG)
      assert process.returncode == 0, errors
  finally:
    for process in processes:
      process.kill()
      process.communicate()


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
  """The same job by one process with one device, and by two with four."""
  folder = tmp_path_factory.mktemp("processes")
  values = small_job.mapping() | {"mesh": {"fsdp": -1}}
  # Few programs and few steps: most of the time goes to compiling.
  values["evaluation"] = {
    "after": "rl", "comparisons": 8, "temperatures": [0.0], "votes": [],
    "max_new_tokens": 8,
  }  # fmt: skip
  for stage in values["stages"].values():
    stage["steps"] = 3
  values["stages"]["rl"]["objective"] = {}
  config = running.write_config(folder, values)
  port = _free_port()
  _finish([running.start(config, folder / "one", devices=1)])
  _finish(
    [
      running.start(
        config, folder / "two",
        f"--coordinator=localhost:{port}", "--processes=2",
        f"--process={process}", devices=4,
      )
      for process in range(2)
    ]
  )  # fmt: skip
  return folder / "one", folder / "two"


def test_figures_agree(workdirs):
  one, two = (running.steady(running.rows(folder)) for folder in workdirs)
  assert one.keys() == two.keys()
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
