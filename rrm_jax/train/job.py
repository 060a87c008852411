"""A job: its stages one after the other, each resumed where it stands.

What is on disk decides what is left to do. A stage that is done restores its
last state, finds nothing to change, and hands over to the next.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rrm_jax import config, optimizer, sharding, voting, weights
from rrm_jax.batches import Params, TrainState
from rrm_jax.checkpoint import Checkpoints
from rrm_jax.data import arithmetic
from rrm_jax.judge import Judge
from rrm_jax.metrics import MetricWriter, PhaseTimer, Progress
from rrm_jax.records import Comparison
from rrm_jax.rl import train_state
from rrm_jax.sampling import layouts
from rrm_jax.sampling.engine import prepared
from rrm_jax.sharding import Layout
from rrm_jax.text.tokenizer import Tokenizer
from rrm_jax.train import loading, loop
from rrm_jax.train.run import Run, stage_seed


@dataclasses.dataclass(frozen=True)
class Job:
  """A config with what it stands for.

  Attributes:
    cfg: The config.
    folder: The workdir.
    layout: The mesh and its rules.
    tokenizer: As named by the config.
    data: Comparisons to train on, and to be measured on.
    writer: Takes the figures.
    interrupted: Whether somebody asked the job to stop.
  """

  cfg: config.Job
  folder: Path
  layout: Layout
  tokenizer: Tokenizer
  data: loading.Splits
  writer: MetricWriter
  interrupted: Callable[[], bool]

  def held_out(self, num: int) -> list[Comparison]:
    """The first comparisons of the test split."""
    return [self.data.test[i] for i in range(min(num, len(self.data.test)))]

  @property
  def decoding(self) -> Layout:
    """The mesh and the rules of sampling.

    Raises:
      ValueError: see `layouts.decode_layout`.
    """
    return layouts.decode_layout(
      self.layout, self.cfg.engine.weights, self.cfg.model
    )

  def judge(
    self,
    params: Params,
    template: config.Template,
    temperature: float,
    budget: int = -1,
  ) -> Judge:
    """These weights as a judge, drawn from as the evaluation says."""
    layout = self.decoding
    return Judge(
      prepared(params, cfg=self.cfg.model, layout=layout),
      self.cfg.model,
      self.tokenizer,
      template,
      config.Sampling(
        max_new_tokens=self.cfg.evaluation.max_new_tokens,
        temperature=temperature,
        thinking_budget=budget,
      ),
      layout,
      seed=stage_seed(self.cfg.seed, "evaluation"),
      limits=self.cfg.engine,
    )


def run_stages(job: Job) -> None:
  """Trains every stage that the config's order names; see `preflight.check`.

  Raises:
    loop.Interrupted: asked to stop; what is done is saved.
    ValueError: a stage cannot be run as configured, or ends short of its gate.
  """
  for name in job.cfg.order:
    _run_stage(job, name)


def _run_stage(job: Job, name: str) -> None:
  stage = job.cfg.stages[name]
  seed = stage_seed(job.cfg.seed, name)
  updates = stage.steps
  if isinstance(stage, config.Grpo):
    updates *= stage.minibatches
  chain = optimizer.build(stage.optimizer, updates)
  timer = PhaseTimer()
  place = job.folder / "checkpoints" / name
  with (
    Checkpoints(place, _kept(job.cfg, name)) as checkpoints,
    Progress(name, stage.steps) as progress,
  ):
    found = checkpoints.restore(
      train_state.abstract_state(job.cfg.model, chain, job.layout)
    )
    needs_reference = (
      isinstance(stage, config.Grpo) and stage.objective.kl_coefficient > 0
    )
    start = (
      _start_params(job, stage, seed)
      if found is None or needs_reference
      else None
    )
    if found is None:
      assert start is not None
      state = train_state.init_state(start, job.cfg.model, chain, job.layout)
    else:
      logging.info("%s: resumed at step %d", name, found[0])
      state = found[1]
    reference = None
    if needs_reference:
      assert start is not None
      reference = train_state.frozen(start, job.cfg.model, job.layout)
    del start  # or its memory is held all through the stage
    run = Run(
      name=name,
      model=job.cfg.model,
      tokenizer=job.tokenizer,
      data=loading.pipeline(job.data.train, stage, seed),
      layout=job.layout,
      limits=job.cfg.engine,
      chain=chain,
      rate=functools.partial(
        optimizer.rate, cfg=stage.optimizer, updates=updates
      ),
      seed=seed,
      reference=reference,
      timer=timer,
    )
    loop.train(
      run, stage, state, _surroundings(job, name, checkpoints, timer, progress)
    )


def _kept(cfg: config.Job, name: str) -> config.Checkpoint:
  """Which checkpoints of a stage stay: those that the report is on as well."""
  named = [where.partition("@") for where in cfg.evaluation.roles.values()]
  steps = [int(step) for stage, _, step in named if stage == name and step]
  kept = (*cfg.checkpoint.keep_steps, *steps)
  return dataclasses.replace(cfg.checkpoint, keep_steps=kept)


def _surroundings(
  job: Job,
  name: str,
  checkpoints: Checkpoints,
  timer: PhaseTimer,
  progress: Progress,
) -> loop.Surroundings:
  stage = job.cfg.stages[name]
  gate = stage.gate if isinstance(stage, config.Sft) else None
  return loop.Surroundings(
    writer=job.writer,
    checkpoints=checkpoints,
    timer=timer,
    progress=progress,
    evaluate=lambda state: held_out_figures(job, stage.template, state),
    evaluate_every=job.cfg.evaluation.every,
    gate=lambda state, step: _passes(job, name, state, step),
    gate_every=gate.every if gate else 0,
    interrupted=job.interrupted,
    rollouts=job.folder / "rollouts",
    rollouts_every=job.cfg.rollouts_every if sharding.is_lead() else 0,
  )


def _start_params(job: Job, stage: config.Stage, seed: int) -> Params:
  if stage.start:
    return weights.saved_params(job.cfg, job.folder, stage.start, job.layout)
  return loading.initial_params(job.cfg, seed, job.layout)


def held_out_figures(
  job: Job, template: config.Template, state: TrainState
) -> dict[str, float]:
  """How a state does on a few held-out comparisons, sampled at T = 1."""
  comparisons = job.held_out(job.cfg.evaluation.every_comparisons)
  judgements = job.judge(state.params, template, 1.0)(
    voting.questions(comparisons)
  )
  right = [
    judgement.verdict.winner == comparison.label
    for judgement, comparison in _paired(judgements, comparisons)
  ]
  thinking = [judgement.thinking_tokens for judgement in judgements]
  invalid = [judgement.verdict.winner is None for judgement in judgements]
  return {
    "accuracy": float(np.mean(right)),
    "invalid": float(np.mean(invalid)),
    "thinking_tokens": float(np.mean(thinking)),
  }


def _paired(judgements: list, comparisons: list[Comparison]) -> list[tuple]:
  known = {comparison.uid: comparison for comparison in comparisons}
  return [(judgement, known[judgement.uid]) for judgement in judgements]


def _passes(job: Job, name: str, state: TrainState, step: int) -> bool:
  """Whether the steps that a warm start writes are right often enough.

  Raises:
    ValueError: they are not, and the stage has no more steps.
  """
  stage = job.cfg.stages[name]
  assert isinstance(stage, config.Sft) and stage.gate is not None
  comparisons = job.held_out(stage.gate.comparisons)
  judgements = job.judge(state.params, stage.template, 1.0)(
    voting.questions(comparisons)
  )
  right, written = np.sum(
    [
      arithmetic.check_steps(comparison, judgement.text)
      for judgement, comparison in _paired(judgements, comparisons)
    ],
    axis=0,
  )
  accuracy = float(right) / max(1, int(written))
  passed = accuracy >= stage.gate.step_accuracy
  job.writer.write(
    step,
    f"{name}_gate",
    {"step_accuracy": accuracy, "steps_written": float(written)},
  )
  if not passed and step == stage.steps:
    raise ValueError(
      f"stage {name} ends with {accuracy:.3f} of its worked steps right, its "
      f"gate asks for {stage.gate.step_accuracy}; raise stages.{name}.steps"
    )
  return passed
