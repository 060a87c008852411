r"""Whether a job fits a TPU topology, and how fast a step could be.

python -m tools.plan --config=configs/rrm_7b.py --topology=v5e:4x4 \
  [--stage=rl] [--programs=update,decode] [--level=O1] [--search]

Compiles the stage's programs for the topology with libtpu, at the longest
prompts and completions, and needs no TPU: pip install "jax[tpu]". Prints what
is held on a chip while each runs, its FLOPs and bytes with loops counted as
often as they turn, what is sent between chips, and a roofline of the whole
step. The exit status is 1 if it does not fit. --search finds the largest
microbatch that does. With --topology=cpu it plans for this machine's devices.

--level=O1 compiles in a fraction of the time; memory differs by a tenth or so.
"""

from collections.abc import Sequence

import jax
from absl import app, flags

from launch import setup
from rrm_jax import config, sharding
from tools.plan import learning, memory, report, rollout, search, topology
from tools.plan.compiled import Measured, TooLarge

PROGRAMS = (*learning.NAMES, *rollout.NAMES)
_CONFIG = setup.config_flag("A Python file, and its fields.")
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


def _chosen(stage: config.Grpo) -> list[str]:
  for name in _PROGRAMS.value:
    if name not in PROGRAMS:
      raise ValueError(f"--programs={name} is none of {', '.join(PROGRAMS)}")
  scored = bool(stage.objective.kl_coefficient)
  return [
    name
    for name in PROGRAMS
    if name in _PROGRAMS.value and (name != "score" or scored)
  ]


def _compiled(
  names: list[str],
  job: config.Job,
  stage: config.Grpo,
  layout: sharding.Layout,
  asked: rollout.Work,
) -> tuple[dict[str, Measured], list[str]]:
  """The programs that fit by themselves, and what is wrong with others."""
  done, faults = {}, []
  for name in names:
    try:
      if name in learning.NAMES:
        done[name] = learning.measured(name, job, stage, layout)
      else:
        done[name] = rollout.measured(
          name, job.model, layout, job.engine, asked
        )
      print(f"{name}: compiled in {done[name].seconds:.0f} s", flush=True)
    except TooLarge as error:
      faults.append(str(error))
  return done, faults


def _run() -> None:
  """Compiles and tells.

  Raises:
    ValueError: an impossible topology, mesh or stage, or too little memory.
  """
  job = config.from_mapping(config.Job, _CONFIG.value.to_dict())
  stage = stage_of(job, _STAGE.value)
  names = _chosen(stage)
  chip = topology.chip(_TOPOLOGY.value)
  layout = sharding.layout(job.mesh, topology.devices(_TOPOLOGY.value))
  asked = rollout.asked(job, stage, layout)
  sizes = learning.sizes(job, stage, layout)
  sizes |= rollout.sizes(job.model, layout, job.engine, asked)
  print(
    f"{job.name}, stage {_STAGE.value}, on {_TOPOLOGY.value} as "
    f"{dict(layout.mesh.shape)}, effort {_LEVEL.value}\n"
    f"sampling: {asked.slots} slots, {asked.prompts} prompts of "
    f"{asked.prompt} tokens read together, {asked.new} tokens a row",
    flush=True,
  )
  done: dict[str, Measured] = {}
  if _SEARCH.value:
    stage, done["update"] = search.largest(
      job, stage, layout, sizes, chip.memory
    )
    names = [name for name in names if name != "update"]
  more, faults = _compiled(names, job, stage, layout, asked)
  done |= more
  faults += memory.faults(done, sizes, chip.memory)
  print(f"\nGiB on each chip, of {chip.memory / 2**30:.2f}:")
  print(report.table(report.memory_rows(done, sizes, chip.memory)))
  print("\nFLOPs and bytes on each chip, loops as often as they turn:")
  print(report.table(report.work_rows(done, chip)))
  print("\nGiB that each chip receives, by kind; what makes most of it:")
  for name, one in done.items():
    print(*report.sent_lines(name, one), sep="\n")
  print()
  if "update" in done:
    print(report.update_line(job, stage, layout, done["update"]))
  if chip.known and not faults and set(PROGRAMS[2:]) | {"update"} <= set(done):
    print(report.iteration_line(done, stage, asked, chip))
  if faults:
    raise TooLarge("; ".join(faults))


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
