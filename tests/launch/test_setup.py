"""Configs are found from any folder, and what is wrong with them is told."""

import json
import os
import subprocess
import sys

from tests.launch import running


def call(folder, module, *flags):
  """Runs a binary in a folder that is not the repository's."""
  done = subprocess.run(
    [sys.executable, "-m", module, *flags],
    cwd=folder, capture_output=True, text=True, timeout=running.LONG,
    env={**running.environment(devices=1), "PYTHONPATH": str(running.ROOT)},
  )  # fmt: skip
  return done.returncode, done.stdout, done.stderr


def test_the_default_config_is_found_from_any_folder(tmp_path):
  row = {"query": "q", "chosen": "a", "rejected": "b"}
  (tmp_path / "rows.jsonl").write_text(json.dumps(row))
  code, printed, errors = call(
    tmp_path, "launch.evaluate", "--judge=simulated:0", "--data=rows.jsonl",
    "--output=out", "--config.samples=3",
  )  # fmt: skip
  assert code == 0, errors
  assert "100.0" in printed
  report = json.loads((tmp_path / "out/report.json").read_text())
  assert report["samples"] == 3 and report["accuracy"] == 1.0


def test_a_config_that_is_not_there(tmp_path):
  flags = ["--config=configs/mini.py", f"--workdir={tmp_path / 'run'}"]
  for more in ([], ["--config.seed=1"]):
    code, printed, errors = call(tmp_path, "launch.train", *flags, *more)
    assert (code, printed) == (1, "")
    assert errors.splitlines() == [
      "error: --config: [Errno 2] No such file or directory: "
      f"'configs/mini.py'; {running.ROOT / 'configs'} has evaluate.py, "
      "gsm8k_smoke.py, mini.py, rrm_32b.py, rrm_7b.py, tournament.py"
    ]
  code, _, errors = call(tmp_path, "launch.train", f"--workdir={tmp_path}")
  assert code == 1 and "--config must have a value" in errors
  assert os.listdir(tmp_path) == []
