"""The loop: what is written, and what happens when a step goes wrong."""

import dataclasses

import numpy as np
import pytest

from rrm_jax.metrics import NonFiniteError, read
from rrm_jax.records import Comparison, Finish, Judgement, Message, Verdict
from rrm_jax.train import grpo, loop, sft
from rrm_jax.train.run import stage_seed
from tests import small_job


@pytest.fixture
def values():
  """A job of the warm start alone, looked at by nobody."""
  values = small_job.mapping()
  values["order"] = ["warm_start"]
  values["evaluation"] = {}
  return values


def test_rows_that_are_not_finite_are_named(values, tmp_path, monkeypatch):
  whole = sft.step

  def spoiled(run, stage, state, index):
    state, report = whole(run, stage, state, index)
    if index == 3:
      report.metrics["loss"] = float("nan")
      bad = np.zeros(len(report.rows), bool)
      bad[[2, 5]] = True
      report = dataclasses.replace(report, bad_rows=bad)
      names.extend([report.rows[2], report.rows[5]])
    return state, report

  names = []
  monkeypatch.setattr(sft, "step", spoiled)
  with pytest.raises(NonFiniteError, match="step 3: loss=nan") as caught:
    small_job.run(tmp_path, values)
  assert all(name in str(caught.value) for name in names)
  kept = {path.name for path in (tmp_path / "checkpoints/warm_start").iterdir()}
  assert kept == {"0", "2"}
  assert [row["step"] for row in read(tmp_path)] == [0, 1, 2]


def test_a_metric_row_for_each_step(values, tmp_path):
  small_job.run(tmp_path, values)
  rows = read(tmp_path)
  assert [(row["phase"], row["step"]) for row in rows] == [
    ("warm_start", step) for step in range(6)
  ]
  assert all({"loss", "gradient_norm", "time/learn"} <= set(r) for r in rows)
  rates = [row["learning_rate"] for row in rows]
  np.testing.assert_allclose(rates, [1.5e-3, *[3e-3] * 5], rtol=1e-6)


@pytest.mark.parametrize("every", [3, 4])
def test_a_gate_that_is_not_reached_is_an_error(values, tmp_path, every):
  """Also where the last of six steps is none at which it is due."""
  values["stages"]["warm_start"]["gate"] = {
    "every": every, "step_accuracy": 1.0, "comparisons": 8,
  }  # fmt: skip
  values["evaluation"] = {"max_new_tokens": 8}
  with pytest.raises(ValueError, match=r"raise stages.warm_start.steps"):
    small_job.run(tmp_path, values)


def test_a_gate_that_is_reached_ends_the_stage(values, tmp_path):
  values["stages"]["warm_start"]["gate"] = {
    "every": 3, "step_accuracy": 0.0, "comparisons": 8,
  }  # fmt: skip
  values["evaluation"] = {"max_new_tokens": 8}
  small_job.run(tmp_path, values)
  steps = [r["step"] for r in read(tmp_path) if r["phase"] == "warm_start"]
  assert steps == [0, 1, 2]
  # Started again, it stays ended, and the check is written once.
  small_job.run(tmp_path, values)
  steps = [r["step"] for r in read(tmp_path) if r["phase"] == "warm_start"]
  assert steps == [0, 1, 2]
  checks = [r["step"] for r in read(tmp_path) if r["phase"].endswith("_gate")]
  assert checks == [3]


def test_what_the_report_is_on_is_kept(values, tmp_path):
  values["checkpoint"] = {"every": 2, "keep": 1, "keep_steps": [1]}
  values["evaluation"] = {
    "before": "warm_start@3", "after": "warm_start", "max_new_tokens": 8,
  }  # fmt: skip
  small_job.run(tmp_path, values)
  kept = {path.name for path in (tmp_path / "checkpoints/warm_start").iterdir()}
  assert kept == {"1", "3", "6"}


def test_rollouts_read_as_text(tmp_path):
  comparison = Comparison(
    "a", (Message("user", "2 + 2?"),), ("4", "5"), 1, "sums"
  )
  judgement = Judgement(
    "a", 0, False, Verdict(1), "two and two </think> so", 9, 3, 7,
    Finish.STOPPED,
  )  # fmt: skip
  loop.write_rollouts(tmp_path / "rl.txt", [comparison], [judgement])
  assert (tmp_path / "rl.txt").read_text().splitlines() == [
    "=== a (sums) ===",
    "query: 2 + 2?",
    "response 1: 4",
    "response 2: 5",
    "label: 1",
    "--- sample 0: chose 1, right, 3 thinking tokens, stopped ---",
    "two and two </think> so",
  ]


def test_rewards_need_labels():
  with pytest.raises(ValueError, match="has no label"):
    grpo._label(Comparison("a", (Message("user", "q"),), ("1", "2")))


def test_stage_seeds_stay():
  assert stage_seed(0, "rl") == stage_seed(0, "rl")
  assert len({stage_seed(s, n) for s in range(9) for n in ("rl", "sft")}) == 18
