"""Supervised training on judgements that somebody wrote.

The warm start of the built-in task: traces of mixed quality, standing for a
distilled base model that can reason but judges badly. Loss on the completion
alone, the stop token included.
"""

from collections.abc import Sequence

import numpy as np

from rrm_jax import config, prompts, sharding
from rrm_jax.batches import LearnerBatch, TrainState
from rrm_jax.data import arithmetic
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.records import Comparison
from rrm_jax.rl import learner
from rrm_jax.train.run import Run, StepReport


def step(
  run: Run, stage: config.Sft, state: TrainState, index: int
) -> tuple[TrainState, StepReport]:
  """One update on a batch of prompts with their completions."""
  with run.timer("data"):
    comparisons: Sequence[Comparison] = run.data[index]
    batch: LearnerBatch = _batch(run, stage, comparisons, index)
  with run.timer("learn"):
    state, metrics = learner.update(
      state,
      sharding.put(batch, run.layout.named("batch")),
      way=learner.Way(run.model, UNFILTERED, run.layout),
      objective=None,
      chain=run.chain,
      microbatches=stage.microbatches,
    )
    metrics = sharding.fetch(metrics)
  bad_rows = metrics.pop("bad_rows")
  figures = {name: float(value) for name, value in metrics.items()}
  names = [comparison.uid for comparison in comparisons]
  return state, StepReport(figures, bad_rows, names, comparisons, [])


def _batch(
  run: Run, stage: config.Sft, comparisons: Sequence[Comparison], index: int
) -> LearnerBatch:
  """Compact rows of `row_tokens` columns, as host arrays.

  Raises:
    ValueError: a row does not fit.
  """
  shape = (len(comparisons), stage.row_tokens)
  tokens, sampled = np.zeros(shape, np.int32), np.zeros(shape, bool)
  completions = run.tokenizer.encode_batch(
    [_completion(stage, c, run.seed + index) for c in comparisons]
  )
  for i, comparison in enumerate(comparisons):
    prompt = prompts.prompt(
      comparison, False, run.tokenizer, stage.template
    ).tokens
    row = [*prompt, *completions[i], run.tokenizer.stop_ids[0]]
    if len(row) > stage.row_tokens:
      raise ValueError(
        f"{comparison.uid}: prompt and completion are {len(row)} tokens, "
        f"row_tokens={stage.row_tokens}; raise stages.{run.name}.row_tokens"
      )
    tokens[i, : len(row)] = row
    sampled[i, len(prompt) : len(row)] = True
  # Without an objective the rest has no say.
  zeros = np.zeros(shape, np.float32)
  return LearnerBatch(tokens, sampled, zeros, zeros, zeros[:, 0])


def _completion(stage: config.Sft, comparison: Comparison, seed: int) -> str:
  if stage.template.thinking:
    return arithmetic.trace(comparison, stage.traces, seed)
  return arithmetic.verdict_only(comparison)
