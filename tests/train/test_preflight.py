"""What cannot end well is refused before anything is trained."""

import dataclasses
import logging

import pytest

from rrm_jax import config
from rrm_jax.records import Message
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import loading, preflight
from tests import small_job


def changed(path, value):
  """The small job's mapping with one field changed, named with dots."""
  values = inner = small_job.mapping()
  *groups, name = path.split(".")
  for group in groups:
    inner = inner.setdefault(group, {})
  inner[name] = value
  return values


def test_the_small_job_passes(tmp_path):
  with small_job.opened(tmp_path, small_job.mapping()) as job:
    preflight.check(job.cfg, job.data, job.tokenizer, job.layout)


@pytest.mark.parametrize(
  ("path", "value", "message"),
  [
    ("stages.warm_start.batch_size", 12, r"warm_start: batch_size=12, .* 8 pa"),
    ("stages.warm_start.microbatches", 4, "the 4 rows of a microbatch"),
    ("stages.rl.comparisons", 6, "stages.rl: comparisons=6"),
    ("stages.rl.curriculum", [1] * 7, r"stages.rl: steps=6 do not split"),
    ("stages.rl.curriculum", [0], r"curriculum\[0\]=0 leaves no comparisons"),
    ("stages.rl.template", {"file": "no.txt"}, "stages.rl: template file 'no"),
    ("stages.rl.sampling.thinking_budget", 6, "rl: thinking_budget=6 .* fit"),
    (
      "stages.warm_start.row_tokens",
      40_000,
      "warm_start: rows may have 40000 tok",
    ),
    ("stages.rl.sampling.max_new_tokens", 32_768, "rl: rows may have 32776 t"),
    ("evaluation.max_new_tokens", 32_768, "evaluation: rows may have 32776"),
    ("evaluation.budgets", [0, 5], "evaluation: thinking_budget=5"),
    ("evaluation.after", "r1", "evaluation.after='r1': no stage 'r1' is run"),
    ("evaluation.middle", "rl@7", "='rl@7': stage rl has the steps 0 to 6"),
    ("evaluation.middle", "rl@x", "='rl@x': stage rl has the steps 0 to 6"),
    ("order", ["warm_start"], "evaluation.middle='rl@4': no stage 'rl' is run"),
    ("mesh", {"fsdp": 2, "tensor": 4}, "kv_heads=2 does not divide into 4"),
  ],
)
def test_refused(tmp_path, path, value, message):
  with (
    pytest.raises(ValueError, match=message),
    small_job.opened(tmp_path, changed(path, value)),
  ):
    pass
  assert not (tmp_path / "checkpoints").exists()


def test_what_a_gate_writes_must_fit_too(tmp_path):
  values = changed("evaluation", {"max_new_tokens": 32_768})
  with small_job.opened(tmp_path, values):
    pass
  values["stages"]["warm_start"]["gate"] = {"every": 3, "step_accuracy": 0.1}
  with (
    pytest.raises(ValueError, match="evaluation: rows may have 32776 tokens"),
    small_job.opened(tmp_path, values),
  ):
    pass


def test_traces_are_of_the_built_in_task(tmp_path):
  with small_job.opened(tmp_path, small_job.mapping()) as job:
    other = dataclasses.replace(
      job.data.train[0],
      conversation=(Message("user", ". +3"),),
    )
    data = loading.Splits([other], job.data.test)
    with pytest.raises(ValueError, match="which is not of the arithmetic task"):
      preflight.check(job.cfg, data, job.tokenizer, job.layout)


@pytest.mark.parametrize("shared, warned", [(0, True), (1, False)])
def test_prompts_that_are_not_shared_are_told_of(
  tmp_path, caplog, shared, warned
):
  """Eight prompts on eight devices in two minibatches are too few."""
  values = changed("stages.rl.shared_samples", shared)
  with (
    caplog.at_level(logging.WARNING),
    small_job.opened(tmp_path, values),
  ):
    pass
  told = [r.getMessage() for r in caplog.records if "in learning" in r.msg]
  assert bool(told) == warned
  if warned:
    assert "stages.rl" in told[0] and "8 prompts do not divide" in told[0]


def test_too_few_comparisons_to_hold_some_out(tmp_path):
  rows = tmp_path / "pairs.jsonl"
  row = '{"query": "Why %d?", "chosen": "a", "rejected": "b"}\n'
  rows.write_text("".join(row % i for i in range(9)))
  values = changed("data.source", str(rows))
  with (
    pytest.raises(ValueError, match="has 9 labelled comparisons"),
    small_job.opened(tmp_path / "run", values),
  ):
    pass


def test_a_config_without_stages_trains_nothing(tmp_path):
  values = small_job.mapping() | {"stages": {}, "order": []}
  cfg = config.from_mapping(config.Job, values)
  with pytest.raises(ValueError, match="nothing to train"):
    loading.splits(cfg, tokenizers.arithmetic(), tmp_path)
