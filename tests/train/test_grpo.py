"""Steps whose groups are chosen: resumed, with few programs, and empty."""

import json

import jax
import numpy as np
import pytest

from rrm_jax import weights
from rrm_jax.sampling import decode
from rrm_jax.train import grpo, loop
from tests import small_job

DIRECT = {"name": "arithmetic", "thinking": False}


def values(**rl):
  """A judge that has learnt to answer, and then guesses."""
  values = small_job.mapping() | {"evaluation": {}, "rollouts_every": 1}
  values["checkpoint"] = {"every": 2, "keep": 3}
  warm_start = values["stages"]["warm_start"]
  warm_start |= {"steps": 30, "template": DIRECT}
  warm_start["optimizer"]["learning_rate"] = 1e-2
  values["stages"]["rl"] |= {"steps": 4, "template": DIRECT} | rl
  return values


CHOOSING = {
  "pass_rates": [0.3, 1], "resampling_rounds": 2, "labels": "random",
  "shared_samples": 2,
}  # fmt: skip


def rows_of(folder):
  lines = (folder / "metrics.jsonl").read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  return [
    {k: v for k, v in row.items() if not k.startswith("time/")}
    for row in rows
    if row["phase"] == "rl"
  ]


def trained(job):
  return jax.device_get(
    weights.saved_params(job.cfg, job.folder, "rl", job.layout)
  )


def same(one, other):
  jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """A run, with what each of its steps drew and the programs it made."""
  drawn, programs = [], []
  draw = grpo.resampling.draw

  def noted(judged, comparisons, others, stage):
    def counted(some):
      groups = judged(some)
      programs.append(decode.decode._cache_size())
      return groups

    drawn.append(draw(counted, comparisons, others, stage))
    return drawn[-1]

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(grpo.resampling, "draw", noted)
    job = small_job.run(tmp_path_factory.mktemp("whole"), values(**CHOOSING))
  return job, drawn, programs


def test_figures(whole):
  job, drawn, _ = whole
  rows = rows_of(job.folder)
  assert len(rows) == len(drawn) == 4
  for row, one in zip(rows, drawn, strict=True):
    first = one.first.rewards
    assert row["accuracy"] == np.mean(first > 0)
    assert row["zero_variance"] == np.mean(np.ptp(first, axis=1) == 0)
    # One right of four is less than 0.3.
    assert row["out_of_band"] == np.mean(np.sum(first > 0, axis=1) == 1)
    assert row["dropped"] == np.mean(~one.kept)
    assert row["resampled"] == sum(one.resampled)
    assert row["rounds"] == len(one.resampled)
  assert sum(row["resampled"] for row in rows) > 8
  assert sum(row["out_of_band"] for row in rows) > 0


def test_every_figure_is_explained(whole):
  """In the list of the loop's docstring, which names nothing twice."""
  lines = loop.__doc__.splitlines()
  named = [x.split()[0] for x in lines if x[:2] == "  " and x[2:3].strip()]
  assert len(set(named)) == len(named)
  for row in rows_of(whole[0].folder):
    assert set(row) - {"step", "phase"} <= set(named)


def test_fresh_groups_are_other_comparisons_of_the_same_kind(whole):
  _, drawn, _ = whole
  fresh = 0
  for one in drawn:
    own = {prompt.comparison.uid for prompt in one.first.prompts}
    uids = [prompt.comparison.uid for prompt in one.groups.prompts]
    assert len(set(uids)) == len(uids) == 8
    fresh += len(set(uids) - own)
    shares = np.mean(one.groups.rewards > 0, axis=1)
    assert ((shares[one.kept] > 0.3) & (shares[one.kept] < 1)).all()
  assert fresh > 4


def test_rollouts_are_those_of_the_update(whole):
  job, drawn, _ = whole
  for index, one in enumerate(drawn):
    path = job.folder / "rollouts" / f"rl-{index:06d}.txt"
    headings = [x for x in path.read_text().splitlines() if x.startswith("===")]
    uids = [prompt.comparison.uid for prompt in one.groups.prompts]
    assert [heading.split()[1] for heading in headings] == uids


def test_further_rounds_make_no_programs(whole):
  _, drawn, programs = whole
  rounds = [1 + len(one.resampled) for one in drawn]
  starts = np.cumsum([0, *rounds[:-1]])
  assert len(programs) == sum(rounds) > len(drawn)
  for start, count in zip(starts, rounds, strict=True):
    assert len(set(programs[start : start + count])) == 1


def test_interrupted_and_resumed_equals_whole(whole, tmp_path):
  asked = iter(range(1_000))  # 31 questions come from the warm start
  with pytest.raises(loop.Interrupted, match="rl step 3"):
    small_job.run(tmp_path, values(**CHOOSING), lambda: next(asked) == 34)
  resumed = small_job.run(tmp_path, values(**CHOOSING))
  same(trained(resumed), trained(whole[0]))
  assert rows_of(tmp_path) == rows_of(whole[0].folder)


def test_all_groups_may_be_dropped(tmp_path):
  """Random weights answer nothing: every reward is -1."""
  dropping = values(
    start="", pass_rates=[0, 1], resampling_rounds=2,
    optimizer={
      "learning_rate": 0.1, "weight_decay": 0.1, "schedule": "linear",
    },
  )  # fmt: skip
  dropping["order"] = ["rl"]
  job = small_job.run(tmp_path, dropping)
  rows = rows_of(tmp_path)
  assert [row["dropped"] for row in rows] == [1] * 4
  assert [row["zero_variance"] for row in rows] == [1] * 4
  assert [row["resampled"] for row in rows] == [16] * 4
  # Nor has the schedule moved.
  np.testing.assert_allclose([row["learning_rate"] for row in rows], 0.1)
  before = weights.saved_params(job.cfg, tmp_path, "rl@0", job.layout)
  same(trained(job), jax.device_get(before))
