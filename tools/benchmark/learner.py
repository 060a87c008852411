"""An update of GRPO: ours, with and without the shared prefix, and the peers'.

  python -m tools.benchmark learner [--workloads=judging,writing] \
    [--contestants=ours,ours_apart,trl,tunix] [--rounds=3] \
    [--model=num_layers=4,...] [--output=DIR]

Judging has long prompts and short completions, writing the reverse. Everyone
starts from the same weights in f32 and makes the same updates on the same
rows, one in each round: the clipped surrogate without KL, clipping by global
norm, AdamW. Each contestant is a process; in each round all run one after the
other, after a first round that compiles. Losses and gradient norms of every
round are held against each other: work that differs ends the run.

Tokens are those of all rows, prompts counted with each. The floor is the
arithmetic of an update that reads each prompt once, at the rate of a measured
product of matrices. Tunix lives in an environment of its own, which
tools/benchmark/peers.sh makes.
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

from launch import setup
from rrm_jax import config
from tools.benchmark import learner_heat, lessons, race, scoreboard, venue

ENTRIES = {
  "ours": race.Entry("our_learner", ("shared",)),
  "ours_apart": race.Entry("our_learner", ("apart",)),
  "trl": race.Entry("trl_trainer"),
  "tunix": race.Entry("tunix_trainer", peer=True),
}


@dataclasses.dataclass(frozen=True)
class Options:
  """A run of the suite; see the flags of the same names."""

  workloads: Sequence[str] = tuple(lessons.LESSONS)
  contestants: Sequence[str] = tuple(ENTRIES)
  rounds: int = 3
  shrink: int = 1
  model: config.Model = venue.SMALL
  peers_python: str = ""
  patience: float = 1_800.0
  output: str = ""


def define() -> None:
  """The suite's flags."""
  venue.define("learner", list(lessons.LESSONS), list(ENTRIES))


def options(given: Mapping[str, Any]) -> Options:
  """Of flags by name.

  Raises:
    ValueError: the model's shape has no such field.
  """
  fields = {field.name for field in dataclasses.fields(Options)} - {"model"}
  return Options(
    model=venue.shape(venue.SMALL, given["model"]),
    **{key: given[key] for key in fields},
  )


def suite(chosen: Options) -> dict[str, Any]:
  """Runs it; the report is also printed and written.

  Raises:
    ValueError: an option names nothing that there is, or the contestants do
      not make the same updates.
  """
  taking_part = race.contestants(
    chosen.contestants, ENTRIES, chosen.peers_python
  )
  learnt = [lessons.make(name, chosen.shrink) for name in chosen.workloads]
  rules = learner_heat.Rules(chosen.model, chosen.rounds, chosen.patience)
  with tempfile.TemporaryDirectory() as place, venue.aside() as aside:
    weights = Path(place) / "weights"
    aside(venue.write_model, weights, chosen.model, "float32")
    report: dict[str, Any] = {
      "suite": "learner",
      "machine": venue.machine() | {"device": aside(venue.device)},
      "options": dataclasses.asdict(chosen),
      "workloads": [],
    }
    charts = []
    for lesson in learnt:
      file = Path(place) / f"{lesson.name}.json"
      aside(lessons.write, file, lesson, weights, chosen.model)
      found, chart = learner_heat.run(rules, lesson, file, taking_part, aside)
      report["workloads"].append(found)
      charts.append(chart)
      if chosen.output:
        scoreboard.write(Path(chosen.output), report, charts)
  return report


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    suite(options(flags.FLAGS.flag_values_dict()))
  except ValueError as error:
    setup.fail(error)
    return 1
  return 0
