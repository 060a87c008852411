"""Reinforcement learning on verdicts: RRM's recipe, and DirectJudge's.

No traces to imitate: +1 for the labelled response, -1 for anything else (RRM,
arXiv 2505.14674, section 3), turned into group-relative advantages for the
clipped surrogate of GRPO (arXiv 2402.03300, section 4.1).
"""

import functools

import jax
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.batches import LearnerBatch, Rollout, TrainState
from rrm_jax.data.pipeline import random_labels
from rrm_jax.judge import read
from rrm_jax.ops import filters
from rrm_jax.prompts import (
  Prompt,
  numbered,
  prompt,
  script,
  stop_at,
  wanted,
)
from rrm_jax.records import Comparison, Judgement
from rrm_jax.rl import learner, losses
from rrm_jax.rl.advantages import advantages
from rrm_jax.sampling import engine, layouts
from rrm_jax.sampling.completions import Completion, rollout
from rrm_jax.sampling.schedule import bucket
from rrm_jax.text.reward import reward
from rrm_jax.train.run import Run, StepReport


def step(
  run: Run, stage: config.Grpo, state: TrainState, index: int
) -> tuple[TrainState, StepReport]:
  """P comparisons, G completions of each, one update on the N = P * G rows.

  Everything follows from (run, stage, state, index): no other state is kept,
  which is what makes a resumed run equal an uninterrupted one.
  """
  with run.timer("data"):
    comparisons: list[Comparison] = _comparisons(run, stage, index)
    prompts: list[Prompt] = [
      prompt(c, False, run.tokenizer, stage.template) for c in comparisons
    ]
  with run.timer("sample"):
    asked: list[tuple[Prompt, int]] = numbered(prompts, stage.samples)
    completions: list[Completion] = _sample(run, stage, state, asked, index)
  with run.timer("reward"):
    judgements: list[Judgement] = read(
      asked, completions, run.tokenizer, stage.template
    )
    rewards: np.ndarray = _rewards(judgements, comparisons, stage.samples)
  with run.timer("learn"):
    rows: Rollout = _rows(stage, asked, completions)
    batch: LearnerBatch = _learner_batch(run, stage, state, rows, rewards)
    state, metrics = learner.update(
      state,
      batch,
      cfg=run.model,
      objective=stage.objective,
      chain=run.chain,
      filters=filters.of(stage.sampling),
      layout=run.layout,
      minibatches=stage.minibatches,
      microbatches=stage.microbatches,
      window=stage.sampling.max_new_tokens,
    )
    metrics = sharding.fetch(metrics)
  return state, _report(metrics, rewards, judgements, rows)


def _comparisons(run: Run, stage: config.Grpo, index: int) -> list[Comparison]:
  comparisons = list(run.data[index])
  if stage.labels == "random":
    return [random_labels(comparison, run.seed) for comparison in comparisons]
  return comparisons


def _sample(
  run: Run,
  stage: config.Grpo,
  state: TrainState,
  asked: list[tuple[Prompt, int]],
  index: int,
) -> list[Completion]:
  forced = script(run.tokenizer, stage.template)
  layout = layouts.decode_layout(run.layout, run.limits.weights, run.model)
  sampler = engine.Engine(
    params=engine.prepared(state.params, cfg=run.model, layout=layout),
    cfg=run.model,
    kept=filters.of(stage.sampling),
    script=forced,
    layout=layout,
    limits=run.limits,
    halt=stop_at(run.tokenizer, stage.sampling.stop),
  )
  requests = wanted(asked, stage.sampling, forced)
  return sampler(requests, sharding.key(run.seed, layout, index))


def _rows(
  stage: config.Grpo,
  asked: list[tuple[Prompt, int]],
  completions: list[Completion],
) -> Rollout:
  read = [prompt.tokens for prompt, _ in asked]
  columns = bucket(max(map(len, read))) + stage.sampling.max_new_tokens
  return rollout(read, completions, columns)


def _rewards(
  judgements: list[Judgement], comparisons: list[Comparison], samples: int
) -> np.ndarray:
  """[P, G] of +1 and -1.

  Raises:
    ValueError: a comparison has no label.
  """
  labels = [_label(c) for c in comparisons for _ in range(samples)]
  values = [
    reward(judgement.verdict, label)
    for judgement, label in zip(judgements, labels, strict=True)
  ]
  return np.array(values, np.float32).reshape(-1, samples)


def _label(comparison: Comparison) -> int:
  if comparison.label is None:
    raise ValueError(
      f"{comparison.uid} ({comparison.source}) has no label, which the reward "
      "needs; leave it out of the training data"
    )
  return comparison.label


def _learner_batch(
  run: Run,
  stage: config.Grpo,
  state: TrainState,
  seen: Rollout,
  rewards: np.ndarray,
) -> LearnerBatch:
  rows = sharding.put(seen, run.layout.named("batch"))
  score = functools.partial(
    learner.score,
    tokens=rows.tokens,
    sampled=rows.sampled,
    cfg=run.model,
    filters=filters.of(stage.sampling),
    layout=run.layout,
    microbatches=stage.minibatches * stage.microbatches,
    window=stage.sampling.max_new_tokens,
  )
  reference = old = None
  if stage.objective.kl_coefficient:
    assert run.reference is not None
    reference = score(run.reference)
  if stage.objective.importance_cap:
    old = score(state.params)
  return _assemble(
    rows,
    sharding.put(rewards, run.layout.named("batch")),
    reference,
    old,
    objective=stage.objective,
  )


@functools.partial(jax.jit, static_argnames="objective")
def _assemble(
  rollout: Rollout,
  rewards: jax.Array,
  reference: jax.Array | None,
  old: jax.Array | None,
  objective: config.Objective,
) -> LearnerBatch:
  logprobs, importance = rollout.logprobs, None
  if old is not None:
    importance = losses.importance(old, logprobs, objective.importance_cap)
    logprobs = old
  if reference is None:
    reference = jax.numpy.zeros_like(logprobs)
  elif objective.kl_in == "reward":
    distance = losses.divergence(logprobs, reference, objective.kl_estimator)
    paid = jax.numpy.where(rollout.sampled, distance, 0.0).sum(axis=1)
    rewards -= objective.kl_coefficient * paid.reshape(rewards.shape)
  return LearnerBatch(
    tokens=rollout.tokens,
    sampled=rollout.sampled,
    logprobs=logprobs,
    reference_logprobs=reference,
    advantages=advantages(rewards, objective).reshape(-1),
    importance=importance,
  )


def _report(
  metrics: dict[str, np.ndarray],
  rewards: np.ndarray,
  judgements: list[Judgement],
  seen: Rollout,
) -> StepReport:
  bad_rows = metrics.pop("bad_rows")
  figures = {name: float(value) for name, value in metrics.items()} | {
    "reward": float(rewards.mean()),
    "accuracy": float((rewards > 0).mean()),
    "invalid": float(np.mean([j.verdict.winner is None for j in judgements])),
    "zero_variance": float(np.mean(np.ptp(rewards, axis=1) == 0)),
    "thinking_tokens": float(np.mean([j.thinking_tokens for j in judgements])),
    "completion_tokens": float((seen.length - seen.prompt_length).mean()),
    "truncated": float(1 - seen.stopped.mean()),
  }
  names = [f"{j.uid} sample {j.sample_id}" for j in judgements]
  return StepReport(figures, bad_rows, names, judgements)
