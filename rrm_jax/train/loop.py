"""The loop around a recipe's step: look, save, then change.

A state is evaluated before it is saved and saved before it is changed, so
whatever a checkpoint holds has been measured, and a run that is killed and
resumed walks through the same sequence as one that was not.

What `metrics.jsonl` has, an object for each `step` of each `phase`. With the
stage's name as phase, of the step from the state after `step` updates on:

  loss              the objective's, as aggregated; the supervised loss a token
  entropy           of the sampled distribution, nats per token
  gradient_norm     global, before it is clipped
  parameter_norm    global, of the new parameters
  learning_rate     of the step's first optimizer update
  time/PHASE        seconds since the row before: data, sample, reward, learn,
                    and evaluate, gate, save of the state before the step

and of a `grpo` stage

  reward            mean over samples, from -1 to 1, of the first draw, without
                    the divergence; the next seven are of the first draw too
  accuracy          share of samples that chose the label (with random labels,
                    the coin's)
  invalid           share of samples without a verdict
  truncated         share of samples that ended for want of room
  zero_variance     share of groups whose rewards are all equal
  thinking_tokens   the model's own before the closing tag, per sample
  completion_tokens all that were written, per sample, forced ones included
  out_of_band       share of groups whose rewards differ but whose share of
                    right samples is outside `pass_rates`
  dropped           share of the update's groups that weigh nothing
  rounds            of resampling
  resampled         comparisons judged in them
  ratio             pi / pi_old, mean per sampled token
  clipped           share of sampled tokens whose ratio is out of bounds and
                    (but for CISPO) gives no gradient
  kl                estimate of the divergence from the reference per token
  importance        truncated weight per token
  logprob_difference |learner - sampler| per token, nats; without
                    `importance_cap` in the first minibatch
  last_ratio        as above, of the step's last minibatch; those without
  last_clipped      "last" are of the first, which alone is on-policy
  last_gradient_norm

Phase `STAGE_heldout` has `accuracy`, `invalid` and `thinking_tokens` on the
held-out comparisons at temperature 1, of the state after `step` updates;
`STAGE_gate` the `step_accuracy` of the `steps_written` by a warm start.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from rrm_jax import config
from rrm_jax.batches import TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.metrics import MetricWriter, PhaseTimer, Progress, check_finite
from rrm_jax.records import Comparison, Judgement
from rrm_jax.sharding import fetch
from rrm_jax.train import grpo, sft
from rrm_jax.train.run import Run, StepReport


class Interrupted(Exception):
  """The run was asked to stop; its state is saved."""


@dataclasses.dataclass(frozen=True)
class Surroundings:
  """What a stage writes to and asks.

  Attributes:
    writer: Takes the figures of each step.
    checkpoints: Of this stage.
    timer: Times the phases of a step.
    progress: Shows how far the stage is.
    evaluate: Figures of a state on held-out comparisons.
    evaluate_every: Steps between calls of it, 0 for none.
    gate: Whether a state may leave the stage; raises where no step is left.
    gate_every: Steps between calls of it, which the last step has too; 0 for
      none.
    interrupted: Whether somebody asked the run to stop.
    rollouts: Folder for readable samples.
    rollouts_every: Steps between them, 0 for none.
  """

  writer: MetricWriter
  checkpoints: Checkpoints
  timer: PhaseTimer
  progress: Progress
  evaluate: Callable[[TrainState], Mapping[str, float]]
  evaluate_every: int
  gate: Callable[[TrainState, int], bool]
  gate_every: int
  interrupted: Callable[[], bool]
  rollouts: pathlib.Path
  rollouts_every: int


def train(
  run: Run, stage: config.Stage, state: TrainState, around: Surroundings
) -> TrainState:
  """Runs a stage from where `state` stands to its end.

  Raises:
    Interrupted: asked to stop; the state is saved.
    NonFiniteError: a figure is NaN or infinite. The state is not saved, the
      last checkpoint stays as it was.
  """
  start = int(fetch(state.step))
  for phase in (run.name, f"{run.name}_heldout", f"{run.name}_gate"):
    around.writer.truncate(phase, start)
  for index in range(start, stage.steps + 1):
    # 1. Look at the state that `index` updates have made.
    if _every(around.evaluate_every, index, stage.steps):
      with around.timer("evaluate"):
        figures = around.evaluate(state)
      around.writer.write(index, f"{run.name}_heldout", figures)
    last = index == stage.steps
    if index and _every(around.gate_every, index, stage.steps):
      with around.timer("gate"):
        last |= around.gate(state, index)
    # 2. Save it.
    stopping = around.interrupted()
    if last or stopping or around.checkpoints.due(index, stage.steps):
      with around.timer("save"):
        around.checkpoints.save(index, state)
    if stopping:
      around.checkpoints.wait()
      raise Interrupted(f"{run.name} step {index}")
    if last:
      break
    # 3. Change it.
    rate = run.rate(state.opt_state)
    state, report = _step(run, stage, state, index)
    check_finite(report.metrics, index, _bad(report))
    figures = dict(report.metrics) | {"learning_rate": rate}
    figures |= around.timer.read()
    around.writer.write(index, run.name, figures)
    around.progress.update(index + 1, figures)
    if report.judgements and _every(around.rollouts_every, index, stage.steps):
      path = around.rollouts / f"{run.name}-{index:06d}.txt"
      write_rollouts(path, report.comparisons, report.judgements)
  around.checkpoints.wait()
  return state


def _step(
  run: Run, stage: config.Stage, state: TrainState, index: int
) -> tuple[TrainState, StepReport]:
  if isinstance(stage, config.Grpo):
    return grpo.step(run, stage, state, index)
  return sft.step(run, stage, state, index)


def _every(steps: int, index: int, last: int) -> bool:
  return bool(steps) and (index % steps == 0 or index == last)


def _bad(report: StepReport) -> list[str]:
  """The names of rows whose own loss is not finite."""
  return [
    row for row, bad in zip(report.rows, report.bad_rows, strict=True) if bad
  ]


def write_rollouts(
  path: pathlib.Path,
  comparisons: Sequence[Comparison],
  judgements: Sequence[Judgement],
  most: int = 32,
) -> None:
  """Samples as text that a person can read: query, answers, what was said."""
  known = {comparison.uid: comparison for comparison in comparisons}
  lines: list[str] = []
  shown = ""
  for judgement in judgements[:most]:
    comparison = known[judgement.uid]
    if judgement.uid != shown:
      shown = judgement.uid
      lines += [
        f"=== {comparison.uid} ({comparison.subset}) ===",
        f"query: {comparison.query}",
        f"response 1: {comparison.responses[0]}",
        f"response 2: {comparison.responses[1]}",
        f"label: {comparison.label}",
      ]
    said = judgement.verdict
    outcome = f"chose {said.winner}" if said.winner else f"({said.invalid})"
    right = said.winner == comparison.label
    lines.append(
      f"--- sample {judgement.sample_id}: {outcome}, "
      f"{'right' if right else 'wrong'}, {judgement.thinking_tokens} thinking "
      f"tokens, {judgement.finish} ---"
    )
    lines.append(judgement.text.strip())
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")
