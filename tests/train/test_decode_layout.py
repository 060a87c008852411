"""A job samples in the layout that its engine names."""

import json

import pytest

from rrm_jax.train import loading
from tests import small_job


def parts(job):
  """Into how many parts a judge's weights are cut, and its rows."""
  params = loading.initial_params(job.cfg, 0, job.layout)
  template = job.cfg.stages["rl"].template
  judge = job.judge(params, template, 1.0)
  kernel = judge.params["layers"][0]["mlp"]["up"]["transposed"]
  cut = {shard.data.size for shard in kernel.addressable_shards}
  return kernel.size // cut.pop(), judge.layout.batch_parts


@pytest.mark.parametrize(
  "weights, expected",
  [("training", (8, 8)), ("replicated", (1, 8)), ("tensor", (2, 4))],
)
def test_the_judge_of_a_job(tmp_path, weights, expected):
  values = small_job.mapping() | {"engine": {"weights": weights}}
  with small_job.opened(tmp_path, values) as job:
    assert parts(job) == expected


def test_what_cannot_be_cut_is_refused_before_anything_is_trained(tmp_path):
  values = small_job.mapping() | {"engine": {"weights": "tensor"}}
  values["model"] |= {"num_kv_heads": 1}
  with pytest.raises(ValueError, match="weights='tensor' cuts heads=4"):
    small_job.run(tmp_path, values)
  assert not (tmp_path / "checkpoints").exists()


def test_a_step_samples_in_it(tmp_path):
  """Training is cut eightfold, sampling twofold on four groups."""
  values = small_job.mapping() | {"order": ["rl"], "evaluation": {}}
  values["engine"] = {"weights": "tensor", "kv_cache": "int8"}
  values["stages"]["rl"] |= {"start": "", "steps": 1}
  job = small_job.run(tmp_path, values)
  text = (job.folder / "metrics.jsonl").read_text()
  rows = map(json.loads, text.splitlines())
  (row,) = (row for row in rows if row["phase"] == "rl")
  # The learner has no int8.
  assert 1e-6 < row["logprob_difference"] < 0.01
