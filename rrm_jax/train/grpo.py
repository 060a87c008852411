"""Reinforcement learning on verdicts: RRM's recipe, and DirectJudge's.

No traces to imitate: +1 for the labelled response, -1 for anything else (RRM,
arXiv 2505.14674, section 3), turned into group-relative advantages for the
clipped surrogate of GRPO (arXiv 2402.03300, section 4.1).
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.batches import LearnerBatch, TrainState
from rrm_jax.data.pipeline import random_labels
from rrm_jax.judge import read
from rrm_jax.ops import filters, masked
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
from rrm_jax.sampling.completions import Completion, Rows, rows
from rrm_jax.sharding import Layout
from rrm_jax.text.reward import reward
from rrm_jax.train import resampling
from rrm_jax.train.resampling import Drawn, Groups
from rrm_jax.train.run import Run, StepReport


def step(
  run: Run, stage: config.Grpo, state: TrainState, index: int
) -> tuple[TrainState, StepReport]:
  """P comparisons, G completions of each, one update on the N = P * G rows.

  Everything follows from (run, stage, state, index): no other state is kept,
  which is what makes a resumed run equal an uninterrupted one. Groups that say
  nothing may give way to others before the update, see `resampling`.
  """
  drawn: Drawn = _drawn(run, stage, state, index)
  with run.timer("learn"):
    batch, measured = _learner_batch(run, stage, state, drawn)
    state, metrics = learner.update(
      state,
      batch,
      way=way(stage, run.model, run.layout),
      objective=stage.objective,
      chain=run.chain,
      minibatches=stage.minibatches,
      microbatches=stage.microbatches,
      longest=stage.sampling.max_new_tokens,
    )
    metrics = sharding.fetch(metrics | measured)
  return state, _report(metrics, drawn, stage)


def _drawn(
  run: Run, stage: config.Grpo, state: TrainState, index: int
) -> Drawn:
  """Samples and rewards; the sampler's copy of the weights ends with it."""
  with run.timer("data"):
    labelled = functools.partial(_labelled, run, stage)
    comparisons: list[Comparison] = list(map(labelled, run.data[index]))
    others: Iterator[Comparison] = map(labelled, run.data.others(index))
  with run.timer("sample"):
    sampler: engine.Engine = _sampler(run, stage, state)
    key: jax.Array = sharding.key(run.seed, sampler.layout, index)
  judged = functools.partial(_judged, run, stage, sampler, key)
  return resampling.draw(judged, comparisons, others, stage)


def _judged(
  run: Run,
  stage: config.Grpo,
  sampler: engine.Engine,
  key: jax.Array,
  comparisons: Sequence[Comparison],
) -> Groups:
  """Comparisons with their samples and rewards."""
  with run.timer("data"):
    prompts: list[Prompt] = [
      prompt(c, False, run.tokenizer, stage.template) for c in comparisons
    ]
  with run.timer("sample"):
    asked: list[tuple[Prompt, int]] = numbered(prompts, stage.samples)
    requests = wanted(asked, stage.sampling, sampler.script)
    completions: list[Completion] = sampler(requests, key)
  with run.timer("reward"):
    judgements: list[Judgement] = read(
      asked, completions, run.tokenizer, stage.template
    )
    rewards: np.ndarray = _rewards(judgements, comparisons, stage.samples)
  return Groups(prompts, completions, judgements, rewards)


def _labelled(
  run: Run, stage: config.Grpo, comparison: Comparison
) -> Comparison:
  """With the label that it is rewarded by."""
  if stage.labels == "random":
    return random_labels(comparison, run.seed)
  return comparison


def _sampler(run: Run, stage: config.Grpo, state: TrainState) -> engine.Engine:
  # As many slots for a few comparisons as for all: the same programs.
  most = stage.comparisons * stage.samples
  least_slots = max(run.limits.least_slots, most)
  layout = layouts.decode_layout(run.layout, run.limits.weights, run.model)
  return engine.Engine(
    params=engine.prepared(state.params, cfg=run.model, layout=layout),
    cfg=run.model,
    kept=filters.of(stage.sampling),
    script=script(run.tokenizer, stage.template),
    layout=layout,
    limits=dataclasses.replace(run.limits, least_slots=least_slots),
    halt=stop_at(run.tokenizer, stage.sampling.stop),
  )


def _rows(stage: config.Grpo, groups: Groups) -> Rows:
  """As host arrays, with a prompt for all rows that share its reading."""
  times = stage.prefixes // stage.comparisons
  prefixes = [one.tokens for one in groups.prompts for _ in range(times)]
  return rows(groups.completions, prefixes, stage.sampling.max_new_tokens)


def way(stage: config.Grpo, model: config.Model, layout: Layout) -> learner.Way:
  """Prompts are shared where their rows divide among the devices."""
  parts = stage.minibatches * stage.microbatches * layout.batch_parts
  return learner.Way(
    model,
    filters.of(stage.sampling),
    layout,
    shared=stage.prefixes % parts == 0 and not model.sliding_layers,
  )


def _rewards(
  judgements: list[Judgement], comparisons: Sequence[Comparison], samples: int
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
  run: Run, stage: config.Grpo, state: TrainState, drawn: Drawn
) -> tuple[LearnerBatch, learner.Metrics]:
  """What the update takes, and what `_assemble` has measured on the way."""
  seen = _rows(stage, drawn.groups)
  cut = run.layout.named("batch")
  # There may be fewer prompts than devices.
  prefix = sharding.put(seen.prefix, run.layout.replicated)
  tokens, sampled, logprobs = sharding.put(
    (seen.tokens, seen.sampled, seen.logprobs), cut
  )
  score = functools.partial(
    learner.score,
    tokens=tokens,
    prefix=prefix,
    way=way(stage, run.model, run.layout),
    microbatches=stage.minibatches * stage.microbatches,
  )
  reference = old = None
  if stage.objective.kl_coefficient:
    assert run.reference is not None
    reference = score(run.reference)
  if stage.objective.importance_cap:
    old = score(state.params)
  return _assemble(
    Rows(prefix, tokens, sampled, logprobs),
    sharding.put(drawn.groups.rewards, cut),
    sharding.put(drawn.kept_rows, cut),
    reference,
    old,
    objective=stage.objective,
  )


@functools.partial(jax.jit, static_argnames="objective")
def _assemble(
  seen: Rows,
  rewards: jax.Array,
  kept: jax.Array | None,
  reference: jax.Array | None,
  old: jax.Array | None,
  objective: config.Objective,
) -> tuple[LearnerBatch, learner.Metrics]:
  """With advantages, and the log-probabilities to compare with.

  Beside the batch, means over all its sampled tokens of what the update cannot
  see: of the sampler where the learner's own log-probabilities are the old
  ones, and of the divergence where it is part of the rewards.
  """
  sampled, logprobs, importance = seen.sampled, seen.logprobs, None
  measured = {}
  if kept is not None:
    sampled &= kept[:, None]
  if old is not None:
    importance = losses.importance(old, logprobs, objective.importance_cap)
    difference = jax.numpy.abs(old - logprobs)
    measured["logprob_difference"] = masked.mean(difference, sampled)
    logprobs = old
  if reference is None:
    reference = jax.numpy.zeros_like(logprobs)
  elif objective.kl_in == "reward":
    distance = losses.divergence(logprobs, reference, objective.kl_estimator)
    measured["kl"] = masked.mean(distance, sampled)
    paid = jax.numpy.where(sampled, distance, 0.0).sum(axis=1)
    rewards -= objective.kl_coefficient * paid.reshape(rewards.shape)
  batch = LearnerBatch(
    tokens=seen.tokens,
    sampled=sampled,
    logprobs=logprobs,
    reference_logprobs=reference,
    advantages=advantages(rewards, objective).reshape(-1),
    importance=importance,
    prefix=seen.prefix,
    kept=kept,
  )
  return batch, measured


def _report(
  metrics: dict[str, np.ndarray], drawn: Drawn, stage: config.Grpo
) -> StepReport:
  """Figures of the first draw; rows and judgements of the update."""
  bad_rows = metrics.pop("bad_rows")
  _, completions, judgements, rewards = drawn.first
  figures = {name: float(value) for name, value in metrics.items()} | {
    "reward": float(rewards.mean()),
    "accuracy": float((rewards > 0).mean()),
    "invalid": float(np.mean([j.verdict.winner is None for j in judgements])),
    "zero_variance": float(np.mean(np.ptp(rewards, axis=1) == 0)),
    "thinking_tokens": float(np.mean([j.thinking_tokens for j in judgements])),
    "completion_tokens": float(np.mean([len(c.tokens) for c in completions])),
    "truncated": float(np.mean([not c.stopped for c in completions])),
  }
  figures |= resampling.figures(drawn, stage)
  comparisons = [one.comparison for one in drawn.groups.prompts]
  learnt = drawn.groups.judgements
  names = [f"{j.uid} sample {j.sample_id}" for j in learnt]
  return StepReport(figures, bad_rows, names, comparisons, learnt)
