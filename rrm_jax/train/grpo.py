"""Reinforcement learning on verdicts: RRM's recipe, and DirectJudge's.

No traces to imitate: +1 for the labelled response, -1 for anything else (RRM,
arXiv 2505.14674, section 3), turned into group-relative advantages for the
clipped surrogate of GRPO (arXiv 2402.03300, section 4.1).
"""

import dataclasses
import functools

import jax
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.batches import LearnerBatch, Rollout, TrainState
from rrm_jax.data.pipeline import random_labels
from rrm_jax.judge import (
  Request,
  bucket,
  encode,
  read,
  request,
  script,
  thinking_limit,
)
from rrm_jax.records import Comparison, Judgement
from rrm_jax.rl import learner
from rrm_jax.rl.advantages import group_relative
from rrm_jax.sampling.generate import generate
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
    requests: list[Request] = [
      request(c, False, run.tokenizer, stage.template) for c in comparisons
    ]
  with run.timer("sample"):
    rollout: Rollout = _sample(run, stage, state, requests, index)
    seen: Rollout = sharding.fetch(rollout)
  with run.timer("reward"):
    judgements: list[Judgement] = read(
      requests, seen, stage.samples, run.tokenizer, stage.template
    )
    rewards: np.ndarray = _rewards(judgements, comparisons, stage.samples)
  with run.timer("learn"):
    batch: LearnerBatch = _learner_batch(run, stage, rollout, rewards)
    state, metrics = learner.update(
      state,
      batch,
      cfg=run.model,
      objective=stage.objective,
      chain=run.chain,
      temperature=stage.sampling.temperature,
      layout=run.layout,
      minibatches=stage.minibatches,
      microbatches=stage.microbatches,
      window=stage.sampling.max_new_tokens,
    )
    metrics = sharding.fetch(metrics)
  return state, _report(metrics, rewards, judgements, seen)


def _comparisons(run: Run, stage: config.Grpo, index: int) -> list[Comparison]:
  comparisons = list(run.data[index])
  if stage.labels == "random":
    return [random_labels(comparison, run.seed) for comparison in comparisons]
  return comparisons


def _sample(
  run: Run,
  stage: config.Grpo,
  state: TrainState,
  requests: list[Request],
  index: int,
) -> Rollout:
  columns = bucket(max(len(item.tokens) for item in requests))
  forced = script(run.tokenizer, stage.template)
  whole = run.layout.replicated
  return generate(
    state.params,
    sharding.put(
      encode(requests, len(requests), columns), run.layout.named("batch")
    ),
    sharding.put(forced, whole),
    sharding.key(run.seed, run.layout, index),
    sharding.put(thinking_limit(stage.sampling, forced), whole),
    cfg=run.model,
    sampling=dataclasses.replace(stage.sampling, thinking_budget=-1),
    samples=stage.samples,
    layout=run.layout,
  )


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
  run: Run, stage: config.Grpo, rollout: Rollout, rewards: np.ndarray
) -> LearnerBatch:
  reference = None
  if stage.objective.kl_coefficient:
    assert run.reference is not None
    reference = learner.score(
      run.reference,
      rollout.tokens,
      rollout.sampled,
      cfg=run.model,
      temperature=stage.sampling.temperature,
      layout=run.layout,
      microbatches=stage.minibatches * stage.microbatches,
      window=stage.sampling.max_new_tokens,
    )
  return _assemble(
    rollout,
    sharding.put(rewards, run.layout.named("batch")),
    reference,
    std_normalized=stage.objective.std_normalized,
  )


@functools.partial(jax.jit, static_argnames="std_normalized")
def _assemble(
  rollout: Rollout,
  rewards: jax.Array,
  reference: jax.Array | None,
  std_normalized: bool,
) -> LearnerBatch:
  if reference is None:
    reference = jax.numpy.zeros_like(rollout.logprobs)
  return LearnerBatch(
    tokens=rollout.tokens,
    sampled=rollout.sampled,
    logprobs=rollout.logprobs,
    reference_logprobs=reference,
    advantages=group_relative(rewards, std_normalized).reshape(-1),
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
