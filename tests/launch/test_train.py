"""launch.train as a user runs it: killed, stopped, misconfigured."""

import json
import random
import signal
import time
from pathlib import Path

import pytest

from rrm_jax.text import tokenizer as tokenizers
from tests import small_job
from tests.launch import running


def test_writes_what_the_design_names(whole):
  _, workdir, output, errors = whole
  names = {path.name for path in workdir.iterdir()}
  assert {
    "config.json", "metrics.jsonl", "checkpoints", "rollouts", "report.json",
    "tensorboard", "plots",
  } <= names  # fmt: skip
  report = json.loads((workdir / "report.json").read_text())
  assert set(report["models"]) == {"before", "middle", "after"}
  for measured in report["models"].values():
    assert {"1.0", "0.0"} == set(measured["temperatures"])
    assert [row["k"] for row in measured["votes"]] == [1, 3]
  assert [r["budget"] for r in report["models"]["after"]["budgets"]] == [0, 2]
  for file in report["files"].values():
    assert Path(file).stat().st_size > 0
  assert "RRM" in output and "Traceback" not in errors
  assert list((workdir / "rollouts").glob("rl-*.txt"))


def test_killed_at_random_moments_equals_whole(whole, tmp_path):
  config, reference, _, _ = whole
  workdir = tmp_path / "killed"
  chance = random.Random(0)
  for phase, step in [("warm_start", 2), ("rl", 1), ("rl", 4)]:
    process = running.start(config, workdir)
    running.wait_for(process, workdir, phase, step)
    time.sleep(chance.random() * 0.3)
    process.kill()
    process.communicate()
  code, _, errors = running.run(config, workdir)
  assert code == 0, errors
  assert running.steady(running.rows(workdir)) == running.steady(
    running.rows(reference)
  )
  assert len(running.rows(workdir)) == len(running.rows(reference))
  reports = [
    json.loads((folder / "report.json").read_text())["models"]
    for folder in (workdir, reference)
  ]
  assert reports[0] == reports[1]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_and_leaves(whole, tmp_path, signum):
  config, _, _, _ = whole
  process = running.start(
    config, tmp_path / "run", "--config.stages.rl.steps=5000"
  )
  running.wait_for(process, tmp_path / "run", "rl", 3)
  process.send_signal(signum)
  _, errors = process.communicate(timeout=running.LONG)
  assert process.returncode == 128 + signum
  assert "the same command continues" in errors
  saved = {
    int(path.name) for path in (tmp_path / "run/checkpoints/rl").iterdir()
  }
  last = max(
    r["step"] for r in running.rows(tmp_path / "run") if r["phase"] == "rl"
  )
  assert last + 1 in saved


def test_a_state_that_is_not_finite_is_not_saved(whole, tmp_path):
  config, _, _, _ = whole
  workdir = tmp_path / "run"
  code, _, errors = running.run(
    config, workdir, "--config.stages.warm_start.optimizer.learning_rate=1e38",
    "--config.checkpoint.every=1",
  )  # fmt: skip
  assert code == 1
  assert "step 0" in errors and "parameter_norm" in errors
  assert "Traceback" not in errors
  kept = workdir / "checkpoints" / "warm_start"
  assert [path.name for path in kept.iterdir()] == ["0"]


def test_config_of_another_run(whole):
  config, workdir, _, _ = whole
  code, _, errors = running.run(config, workdir, "--config.seed=7")
  assert code == 1
  assert "seed: 0 there, 7 now" in errors and "Traceback" not in errors


@pytest.mark.parametrize(
  ("override", "message"),
  [
    ("--config.stages.rl.step=3", 'Did you mean "steps"'),
    ("--config.model.num_layers=two", "num_layers"),
    ("--config.tokenizer=nowhere", "nowhere"),
    ("--config.stages.rl.comparisons=0", "comparisons"),
  ],
)
def test_bad_flags_name_the_field(whole, tmp_path, override, message):
  config, _, _, _ = whole
  code, _, errors = running.run(config, tmp_path / "run", override)
  assert code != 0
  assert message in errors


def test_tokenizer_is_larger_than_the_model(tmp_path):
  values = small_job.mapping()
  values["model"]["vocab_size"] = 16
  code, _, errors = running.run(
    running.write_config(tmp_path, values), tmp_path / "run"
  )
  assert code == 1
  assert f"{tokenizers.arithmetic().vocab_size} ids" in errors
