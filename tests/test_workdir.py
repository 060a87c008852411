"""One workdir, one run."""

import dataclasses
import json

import pytest

from rrm_jax import config, workdir

JOB = config.Job(
  name="small",
  model=config.Model(32, 8, 16, 2, 2, 1, 4),
  tokenizer="arithmetic",
  data=config.Data(),
  stages={
    "warm": config.Sft(3, 4, config.Optimizer()),
    "rl": config.Grpo(
      2, 2, 2, config.Optimizer(), config.Sampling(), start="warm"
    ),
  },
  order=("warm", "rl"),
)


def test_round_trip(tmp_path):
  folder = tmp_path / "runs" / "small"
  workdir.write_config(folder, JOB)
  workdir.write_config(folder, JOB)  # the same run may be started again
  assert workdir.read_config(folder) == JOB
  mapping = json.loads((folder / "config.json").read_text())
  assert mapping == config.to_mapping(JOB)
  assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_a_config_that_nothing_came_of_is_replaced(tmp_path):
  assert not workdir.check_config(tmp_path, JOB)
  workdir.write_config(tmp_path, JOB)
  assert workdir.check_config(tmp_path, JOB)
  (tmp_path / "metrics.jsonl").touch()  # as it is before the first step
  other = dataclasses.replace(JOB, seed=1)
  assert not workdir.check_config(tmp_path, other)
  workdir.write_config(tmp_path, other)
  assert workdir.read_config(tmp_path) == other


@pytest.mark.parametrize("made", ["metrics.jsonl", "checkpoints/warm/0"])
def test_another_config_is_refused(tmp_path, made):
  workdir.write_config(tmp_path, JOB)
  (tmp_path / made).parent.mkdir(parents=True, exist_ok=True)
  (tmp_path / made).write_text("{}\n")
  stages = dict(JOB.stages)
  stages["warm"] = dataclasses.replace(stages["warm"], steps=4)
  other = dataclasses.replace(JOB, seed=1, stages=stages)
  with pytest.raises(ValueError) as error:
    workdir.write_config(tmp_path, other)
  message = str(error.value)
  assert "config.seed: 0 there, 1 now" in message
  assert "config.stages.warm.steps: 3 there, 4 now" in message
  assert message.count(" there, ") == 2
  assert "another --workdir" in message
  assert workdir.read_config(tmp_path) == JOB


def test_added_and_removed_stages_are_listed(tmp_path):
  workdir.write_config(tmp_path, JOB)
  (tmp_path / "checkpoints/warm/0").mkdir(parents=True)
  stages = {"first": JOB.stages["warm"]}
  other = dataclasses.replace(JOB, stages=stages, order=("first",))
  with pytest.raises(ValueError, match=r"config.stages.first: 'absent' there"):
    workdir.write_config(tmp_path, other)


def test_a_run_is_held_to_its_data(tmp_path):
  first, second = {"train": 9, "sha256": "a"}, {"train": 8, "sha256": "b"}
  workdir.check_data(tmp_path, first)
  workdir.write_data(tmp_path, first)
  workdir.check_data(tmp_path, second)  # nothing has come of it yet
  (tmp_path / "metrics.jsonl").write_text("{}\n")
  workdir.check_data(tmp_path, first)
  with pytest.raises(ValueError, match=r"data.train: 9 there, 8 now") as error:
    workdir.check_data(tmp_path, second)
  assert "put it back as it was, or choose another --workdir" in str(
    error.value
  )


def test_unreadable(tmp_path):
  with pytest.raises(ValueError, match=r"config.json does not exist"):
    workdir.read_config(tmp_path)
  (tmp_path / "config.json").write_text('{"name": ')
  with pytest.raises(ValueError, match="is no JSON"):
    workdir.read_config(tmp_path)
  (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
  with pytest.raises(ValueError, match="is a Hugging Face folder, must be a"):
    workdir.read_config(tmp_path)
  (tmp_path / "config.json").write_text('{"nane": ""}')
  with pytest.raises(ValueError, match=r"config\.json\.nane .*did you mean"):
    workdir.read_config(tmp_path)
