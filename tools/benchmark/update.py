"""Where the time of a learner's update goes, by the parts of the model.

  python -m tools.benchmark update [--lesson=judging|writing] [--apart]

Profiles one update of the learner suite's model on its rows, after one that
compiles and one that warms up. See `profile.py` for what is counted.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import setup
from rrm_jax.rl import learner
from tools.benchmark import lessons, profile, venue
from tools.benchmark.contestants import our_learner, updates


def measured(
  lesson: lessons.Lesson, apart: bool
) -> tuple[float, Mapping[str, float]]:
  """Seconds of an update, and milliseconds of each part's operations."""
  with tempfile.TemporaryDirectory() as place:
    weights, file = Path(place) / "weights", Path(place) / "work.json"
    venue.write_model(weights, venue.SMALL, "float32")
    lessons.write(file, lesson, weights, venue.SMALL)
    state, rows, options, _ = our_learner.setting(
      updates.read(file), shared=not apart
    )
  text = learner.update.lower(state, rows, **options).compile().as_text()
  held, spent = [state], []

  def once() -> None:
    begun = time.perf_counter()
    held[0], metrics = learner.update(held[0], rows, **options)
    jax.block_until_ready(metrics)
    spent.append(time.perf_counter() - begun)

  once()
  once()
  return spent[1], profile.by_part(once, text or "")


def define() -> None:
  """The suite's flags."""
  flags.DEFINE_enum("lesson", "judging", list(lessons.LESSONS), "The rows.")
  flags.DEFINE_bool("apart", False, "Whether each row reads its prompt.")
  flags.DEFINE_integer("shrink", 1, "Divides all lengths.", lower_bound=1)


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  lesson = lessons.make(flags.FLAGS.lesson, flags.FLAGS.shrink)
  seconds, parts = measured(lesson, flags.FLAGS.apart)
  print(f"{lesson.line()}: an update takes {seconds:.2f} s")
  print(profile.table(parts))
  return 0
