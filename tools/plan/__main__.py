"""Whether a job fits a TPU topology, and how fast a step could be.

python -m tools.plan --config=configs/rrm_7b.py --topology=v5e:4x4 \
  [--stage=rl] [--programs=update,score,prefill,decode] [--level=O1] [--search]

Compiles the stage's programs for the topology with libtpu, at the longest
prompts and completions, and needs no TPU: pip install "jax[tpu]". Prints what
each holds on a chip, what is sent between chips, and a roofline of a step. The
exit status is 1 if it does not fit. --search halves the microbatches while the
update still fits, or doubles them until it does, and prints what it found.

--level=O1 compiles in a fraction of the time; memory differs by a tenth or so.
"""

import dataclasses
from collections.abc import Sequence

import jax
from absl import app, flags
from ml_collections import config_flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.sampling import layouts
from tools.compile_rollout import programs as rollout
from tools.plan import arithmetic, learning, topology

PROGRAMS = ("update", "score", "prefill", "decode")
_CONFIG = config_flags.DEFINE_config_file(
  "config", help_string="A file of configs/, and its fields."
)
_TOPOLOGY = flags.DEFINE_string(
  "topology", None, "Such as v5e:4x4 or v5p:4x4x4, or cpu.", required=True
)
_STAGE = flags.DEFINE_string(
  "stage", "rl", "A stage of reinforcement learning."
)
_PROGRAMS = flags.DEFINE_list("programs", list(PROGRAMS), "What to compile.")
_LEVEL = flags.DEFINE_enum(
  "level", "default", ["default", "O1"], "The compiler's effort."
)
_SEARCH = flags.DEFINE_boolean(
  "search", False, "Finds the fewest microbatches that fit."
)


def stage_of(job: config.Job, name: str) -> config.Grpo:
  """The stage to plan.

  Raises:
    ValueError: there is no such stage, or it is not reinforcement learning.
  """
  stage = job.stages.get(name)
  if not isinstance(stage, config.Grpo):
    known = [k for k, v in job.stages.items() if isinstance(v, config.Grpo)]
    raise ValueError(
      f"--stage={name} is no stage of reinforcement learning; those of the "
      f"config: {', '.join(known) or 'none'}"
    )
  return stage


def _gib(size: float) -> str:
  return f"{size / 2**30:.2f}"


def _fits(
  job: config.Job, stage: config.Grpo, layout: sharding.Layout, limit: float
) -> learning.Measured:
  """The update, held beside what else a step holds.

  Raises:
    TooLarge: they do not fit.
  """
  done = learning.measured("update", job, stage, layout)
  beside = learning.sizes(job, stage, layout).get("reference", 0)
  if done.peak + beside > limit:
    raise learning.TooLarge(
      f"update needs {_gib(done.peak)} GiB and the reference {_gib(beside)} on "
      f"each chip, which has {_gib(limit)}",
      done.peak + beside,
    )
  return done


def search(
  job: config.Job, stage: config.Grpo, layout: sharding.Layout, limit: float
) -> tuple[config.Grpo, learning.Measured]:
  """The stage with the fewest microbatches that fit, by powers of two.

  Raises:
    TooLarge: a microbatch of one row on each chip does not fit.
  """
  best: tuple[config.Grpo, learning.Measured] | None = None
  failure: learning.TooLarge | None = None
  count = stage.microbatches
  while True:
    try:
      tried = dataclasses.replace(stage, microbatches=count)
      done = _fits(job, tried, layout, limit)
      print(f"microbatches={count}: {_gib(done.peak)} GiB fits", flush=True)
      best = tried, done
      if failure or count == 1:
        return best
      count //= 2
    except learning.TooLarge as error:
      print(f"microbatches={count}: {error}", flush=True)
      if best is not None:
        return best
      failure, count = error, 2 * count
    except ValueError:  # these rows do not divide so
      if best is not None:
        return best
      if failure is not None:
        raise failure from None
      raise


def _learner(
  job: config.Job,
  stage: config.Grpo,
  layout: sharding.Layout,
  chip: topology.Chip,
) -> list[str]:
  """Compiles the update and the reference's scoring, and tells."""
  told = []
  if "update" in _PROGRAMS.value:
    if _SEARCH.value:
      stage, done = search(job, stage, layout, chip.memory)
      told.append(f"the fewest microbatches that fit: {stage.microbatches}")
    else:
      done = _fits(job, stage, layout, chip.memory)
    told += _lines("update", done, chip)
  if "score" in _PROGRAMS.value and stage.objective.kl_coefficient:
    done = learning.measured("score", job, stage, layout)
    told += _lines("score", done, chip)
  return told


def _lines(
  name: str, done: learning.Measured, chip: topology.Chip
) -> list[str]:
  sent = arithmetic.received(done.moved)
  kinds = ", ".join(f"{k} {_gib(v)}" for k, v in sent.items()) or "nothing"
  return [
    f"{name}: {_gib(done.peak)} of {_gib(chip.memory)} GiB at most (arguments "
    f"{_gib(done.arguments)}, temporary {_gib(done.temp)}), compiled in "
    f"{done.seconds:.0f} s; a chip receives, GiB a call: {kinds}, for which "
    f"its links take {sum(sent.values()) / chip.links:.0f} s"
  ]


def _rollout(
  job: config.Job,
  stage: config.Grpo,
  layout: sharding.Layout,
  chip: topology.Chip,
) -> list[str]:
  """Compiles the sampler's programs, and tells."""
  sampled = layouts.decode_layout(layout, job.engine.weights, job.model)
  parts = sampled.batch_parts
  prompts = min(stage.comparisons, 8)
  work = rollout.Work(
    slots=-(-job.engine.slots // parts) * parts,
    prompts=-(-prompts // parts) * parts,
    prompt=job.data.max_prompt_tokens,
    new=stage.sampling.max_new_tokens,
  )
  told = []
  for name in ("prefill", "decode"):
    if name not in _PROGRAMS.value:
      continue
    try:
      done = rollout.measured(name, job.model, layout, job.engine, work)
    except jax.errors.JaxRuntimeError as error:
      raise learning.too_large(name, error) from error
    cache = f", the cache {_gib(done.cache)} of it" if done.cache else ""
    told.append(
      f"{name}: {_gib(done.peak)} of {_gib(chip.memory)} GiB at most{cache}, "
      f"compiled in {done.seconds:.0f} s"
    )
  return told


def _roofline(
  job: config.Job, stage: config.Grpo, chip: topology.Chip, chips: int
) -> list[str]:
  """What a step takes at least, by the chips' published figures."""
  prompt, new = job.data.max_prompt_tokens, stage.sampling.max_new_tokens
  step = arithmetic.learning(job.model, stage, prompt)
  rows = stage.comparisons * stage.samples
  flops, moved = arithmetic.decoding_step(
    job.model,
    job.engine.slots,
    prompt + new / 2,
    1 if job.engine.kv_cache == "int8" else 2,
  )
  one = arithmetic.seconds(flops, moved, 0, chip, chips)
  steps = rows * new / job.engine.slots
  learn = arithmetic.seconds(step.flops, 0, 0, chip, chips)
  score = arithmetic.seconds(step.scoring, 0, 0, chip, chips)
  score *= bool(stage.objective.kl_coefficient)
  return [
    f"at best, all rows at their longest: sampling {steps * one:.0f} s "
    f"({1e3 * one:.1f} ms a step of {job.engine.slots} slots), update "
    f"{learn:.0f} s ({step.flops:.2e} FLOPs of {step.tokens} tokens), "
    f"reference {score:.0f} s; the step {steps * one + learn + score:.0f} s"
  ]


def _run() -> None:
  """Compiles and tells.

  Raises:
    ValueError: an impossible topology, mesh or stage, or too little memory.
  """
  job = config.from_mapping(config.Job, _CONFIG.value.to_dict())
  stage = stage_of(job, _STAGE.value)
  for name in _PROGRAMS.value:
    if name not in PROGRAMS:
      raise ValueError(f"--programs={name} is none of {', '.join(PROGRAMS)}")
  chip = topology.chip(_TOPOLOGY.value)
  devices = topology.devices(_TOPOLOGY.value)
  layout = sharding.layout(job.mesh, devices)
  held = learning.sizes(job, stage, layout)
  print(
    f"{job.name}, stage {_STAGE.value}, on {_TOPOLOGY.value} as "
    f"{dict(layout.mesh.shape)}, effort {_LEVEL.value}\n"
    "GiB on each chip all the time: "
    + ", ".join(f"{name} {_gib(size)}" for name, size in held.items()),
    flush=True,
  )
  for line in _learner(job, stage, layout, chip):
    print(line, flush=True)
  for line in _rollout(job, stage, layout, chip):
    print(line, flush=True)
  if _TOPOLOGY.value != "cpu":  # whose figures nobody publishes
    print(*_roofline(job, stage, chip, len(devices)), sep="\n")


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 it fits, 1 it does not."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  if _LEVEL.value == "O1":
    jax.config.update("jax_optimization_level", "O1")
  try:
    _run()
  except ValueError as error:
    setup.fail(error)
    return 1
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
