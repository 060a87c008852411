"""A job's mistakes are told when its config is read."""

import json
import math

import pytest

from rrm_jax import config
from rrm_jax.config import from_mapping, to_mapping


def job(**changes):
  """A whole job's mapping, of two stages."""
  return {
    "name": "small",
    "model": {
      "vocab_size": 32,
      "embed_dim": 8,
      "mlp_dim": 16,
      "num_layers": 2,
      "num_heads": 2,
      "num_kv_heads": 1,
      "head_dim": 4,
    },
    "tokenizer": "arithmetic",
    "data": {},
    "stages": {
      "warm": {
        "recipe": "sft",
        "steps": 3,
        "batch_size": 4,
        "optimizer": {},
      },
      "rl": {
        "recipe": "grpo",
        "steps": 2,
        "comparisons": 2,
        "samples": 2,
        "optimizer": {},
        "sampling": {},
        "start": "warm",
      },
    },
    "order": ["warm", "rl"],
  } | changes


def changed(path, value):
  """The job's mapping with one field changed, named with dots."""
  mapping = json.loads(json.dumps(job()))
  inner = mapping
  *groups, name = path.split(".")
  for group in groups:
    inner = inner.setdefault(group, {})
  inner[name] = value
  return mapping


def test_a_job():
  made = from_mapping(config.Job, job())
  assert made.stages["warm"] == config.Sft(3, 4, config.Optimizer())
  assert isinstance(made.stages["rl"], config.Grpo)
  assert from_mapping(config.Job, to_mapping(made)) == made


@pytest.mark.parametrize(
  ("path", "value", "message"),
  [
    ("seed", True, "config.seed=True is bool"),
    ("model.num_kv_heads", 3, "config.model: num_heads=2 is no multiple"),
    ("model.head_dim", 3, "head_dim=3 must be even"),
    ("stages.rl.samples", 1, "config.stages.rl: samples=1: a group of one"),
    ("stages.rl.microbatches", 3, "2 prompts to read, which do not split"),
    (
      "stages.rl.resampling_rounds",
      1,
      r"rounds=1 with pass_rates=.*set it to 0",
    ),
    ("stages.rl.resampling_rounds", -1, "resampling_rounds=-1 must be at leas"),
    ("stages.rl.steps", -1, "rl: steps=-1 must be at least 0"),
    ("stages.rl.comparisons", 0, "comparisons=0 must be at least 1"),
    ("stages.rl.minibatches", 0, "minibatches=0 must be at least 1"),
    ("stages.rl.microbatches", -1, "microbatches=-1 must be at least 1"),
    ("stages.rl.shared_samples", -1, "shared_samples=-1 must be at least 0"),
    ("stages.warm.microbatches", 0, "warm: microbatches=0 must be at least 1"),
    ("stages.warm.microbatches", 3, "batch_size=4 does not split into microb"),
    ("stages.warm.batch_size", 0, "batch_size=0 must be at least 1"),
    ("stages.warm.gate", {"every": 0, "step_accuracy": 1}, "gate: every=0"),
    (
      "stages.warm.gate",
      {"every": 1, "step_accuracy": 2},
      r"is not in \[0, 1\]",
    ),
    (
      "stages.rl.optimizer.learning_rate",
      -1.0,
      "learning_rate=-1.0 must be",
    ),
    ("stages.rl.optimizer.clip_norm", -1.0, "optimizer: clip_norm=-1.0"),
    ("stages.rl.optimizer.clip_norm", float("nan"), "clip_norm=nan must be"),
    ("stages.rl.optimizer.b2", 1.0, "b2=1.0 must be below 1"),
    ("stages.rl.objective.kl_coefficient", -0.1, "kl_coefficient=-0.1 must be"),
    (
      "stages.rl.objective.importance_cap",
      0.5,
      "importance_cap=0.5 would make",
    ),
    ("stages.rl.objective.clip_low", -0.1, "objective: clip_low=-0.1 must be"),
    ("stages.rl.sampling.stop", ["a", ""], r"stop=\('a', ''\) has an empty"),
    ("stages.rl.sampling.thinking_budget", -2, "thinking_budget=-2 must be at"),
    ("engine.refill", 0, "config.engine: refill=0 must be at least 1"),
    ("engine.columns", 0, "columns=0 must be at least 1"),
    ("engine.slots", 0, "slots=0 must be at least 1"),
    ("checkpoint.keep", 0, "config.checkpoint: keep=0 must be at least 1"),
    ("evaluation.budgets", [-1], "budgets=.* must be at least 0"),
    ("evaluation.every", -1, "config.evaluation: every=-1 must be at least 0"),
    ("rollouts_every", -1, "rollouts_every=-1 must be at least 0"),
    ("stages.rl.pass_rates", [0.5], r"pass_rates=\(0.5,\) must be two shares"),
    ("stages.rl.pass_rates", [1, 0], "must be two shares, the least and"),
    ("stages.rl.pass_rates", [0.6, 1], "multiple of 1 / samples=2 between"),
    ("stages.rl.sampling.top_p", 0.0, "config.stages.rl.sampling: top_p=0.0"),
    ("stages.rl.sampling.min_p", 2.0, "min_p=2.0"),
    ("stages.rl.sampling.temperature", -1.0, "temperature=-1.0 must be at"),
    ("stages.rl.sampling.top_k", -1, "top_k=-1"),
    ("stages.warm.traces.noize", 0.1, "did you mean .*traces.noise"),
    ("stages.warm.traces", {"careful": -0.1, "lazy": 1.0}, "careful=-0.1 must"),
    ("stages.warm.traces", {"careful": 0.5}, "careful . partial . lazy"),
    ("stages.rl.recipe", "ppo", r"recipe='ppo' is not one of"),
    ("stages.rl.start", "warn", "start='warn'"),
    ("stages.warm.start", "rl", "start='rl'"),
    ("stages.warm.start", "warm", "start='warm'"),
    ("order", ["rl", "warm"], "start='warm'"),
    ("order", ["rl"], "start='warm'"),
    ("order", ["warm", "sl"], "order names 'sl'"),
    ("order", ["warm", "rl", "warm"], "order names 'warm' twice"),
    ("order", [], "order is empty; name the stages to run, of warm, rl"),
    ("model.num_heads", 0, "config.model: num_heads=0 must be at least 1"),
    ("stages.warm.steps", -1, "stages.warm: steps=-1 must be at least 0"),
    ("stages.warm.batch_size", 0, "batch_size=0 must be at least 1"),
    ("stages.rl.steps", -1, "stages.rl: steps=-1 must be at least 0"),
    ("stages.rl.minibatches", 0, "minibatches=0 must be at least 1"),
    ("stages.warm.optimizer.learning_rate", -1.0, "rate=-1.0 must be at least"),
    ("stages.warm.optimizer.learning_rate", math.nan, "rate=nan must be at"),
    ("stages.warm.optimizer.b2", 1.0, "b1=0.9 and b2=1.0 must be below 1"),
    ("stages.warm.optimizer.clip_norm", -1.0, "clip_norm=-1.0 must be at"),
    ("stages.rl.sampling.thinking_budget", -2, "budget=-2 must be at least -1"),
    ("stages.rl.objective.kl_coefficient", -1.0, "must be at least 0"),
    ("engine.slots", 0, "config.engine: slots=0 must be at least 1"),
    ("checkpoint.every", 0, "config.checkpoint: every=0 must be at least 1"),
    ("evaluation.votes", [3, 0], r"votes=\(3, 0\) must be at least 1"),
    ("evaluation.temperatures", [-1.0], "must be at least 0"),
    ("evaluation.temperatures", [], "temperatures are none; give one"),
  ],
)
def test_a_jobs_mistakes_are_named(path, value, message):
  with pytest.raises(ValueError, match=message):
    from_mapping(config.Job, changed(path, value))


def test_a_reports_roles():
  mapping = changed("seed", 1)
  mapping["evaluation"] = {"before": "warm@3", "middle": "rl@1", "after": "rl"}
  made = from_mapping(config.Job, mapping)
  assert made.evaluation.roles == mapping["evaluation"]


def test_an_evaluation_s_mistakes_are_named():
  for field, value in (("samples", 0), ("invalid", 1.5)):
    with pytest.raises(ValueError, match=f"config: {field}={value}"):
      from_mapping(config.Evaluate, {field: value})


def test_a_batch_baseline_keeps_all_groups():
  mapping = changed("stages.rl.objective.baseline", "batch")
  mapping["stages"]["rl"]["pass_rates"] = [0, 1]
  with pytest.raises(ValueError, match=r'pass_rates=.*with baseline="batch"'):
    from_mapping(config.Job, mapping)


def test_an_answer_is_counted_from_a_closing_tag():
  mapping = changed("stages.rl.sampling.answer_budget", 8)
  assert from_mapping(config.Job, mapping)
  for without in ("thinking", "tagged"):
    mapping["stages"]["rl"]["template"] = {without: False}
    with pytest.raises(ValueError, match="answer_budget=8 counts from a thou"):
      from_mapping(config.Job, mapping)


def test_where_the_divergence_may_be():
  for estimator, where in (("k1", "reward"), ("k3", "reward"), ("k3", "loss")):
    config.Objective(kl_coefficient=0.1, kl_estimator=estimator, kl_in=where)
  config.Objective(kl_estimator="k1")  # without a coefficient it is nowhere
  with pytest.raises(ValueError, match="has no gradient on average"):
    config.Objective(kl_coefficient=0.1, kl_estimator="k1")


def test_a_stage_may_be_left_out():
  assert from_mapping(config.Job, changed("order", ["warm"])).order == ("warm",)
