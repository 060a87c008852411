"""One workload of the learner's suite: its rounds, its floor, its table."""

import contextlib
import dataclasses
import functools
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import config
from tools.benchmark import floor, race, scoreboard
from tools.benchmark.lessons import Lesson
from tools.benchmark.venue import Aside

# How far losses may differ, and gradient norms as a fraction.
TOLERANCE = 1e-3


class Rules(NamedTuple):
  """The same for all workloads.

  Attributes:
    cfg: The model's shape.
    rounds: After the first.
    patience: Seconds that a round may take.
  """

  cfg: config.Model
  rounds: int
  patience: float


class Round(NamedTuple):
  """What a contestant says of an update; see `updates.Update`."""

  seconds: float
  cores: float
  peak: int
  loss: float
  gradient_norm: float


@dataclasses.dataclass(frozen=True)
class Row(scoreboard.Row):
  """A contestant's figures.

  Attributes:
    seconds: Of an update, median.
    of_product: Its own arithmetic per second, prompts as often as it reads
      them, as a fraction of the measured product's.
  """

  seconds: float | None = None
  of_product: float | None = None


COLUMNS: scoreboard.Columns = {
  "seconds": ("seconds", 9, ".2f"),
  "rate": ("tok/s", 8, ".0f"),
  "of_ours": ("of ours", 9, ".2f"),
  "of_floor": ("of floor", 10, ".2f"),
  "of_product": ("of product", 12, ".2f"),
  "cores": ("CPU s", 8, ".1f"),
  "peak": ("peak GB", 9, ".2f"),
  "compiling": ("compile s", 11, ".1f"),
}


def agree(rounds: Mapping[str, Round]) -> None:
  """Everyone made the same update.

  Args:
    rounds: One round's, by contestant.

  Raises:
    ValueError: two differ in the loss or in the norm of the gradient, or one
      is not finite.
  """
  for name, found in rounds.items():
    first, wanted = next(iter(rounds.items()))
    losses = abs(found.loss - wanted.loss)
    norms = abs(found.gradient_norm - wanted.gradient_norm)
    if not (losses <= TOLERANCE and norms <= TOLERANCE * wanted.gradient_norm):
      raise ValueError(
        f"{name} has loss {found.loss:.6f} and gradient norm "
        f"{found.gradient_norm:.6f} where {first} has {wanted.loss:.6f} and "
        f"{wanted.gradient_norm:.6f}: this is not the same work, and its "
        "times cannot be compared; leave one out with --contestants"
      )


def row(
  name: str,
  rounds: Sequence[Round],
  lesson: Lesson,
  cfg: config.Model,
  product: float,
) -> Row:
  """A contestant's figures but `of_ours`; its first round compiles."""
  first, rest = rounds[0], rounds[1:]
  seconds = statistics.median(r.seconds for r in rest)
  samples = lesson.shared_samples if name == scoreboard.OURS else 1
  return Row(
    name=name,
    rate=lesson.tokens / seconds,
    of_floor=lesson.flops(cfg) / product / seconds,
    of_product=lesson.flops(cfg, samples) / product / seconds,
    cores=statistics.median(r.cores for r in rest),
    peak=max(r.peak for r in rounds) / 1e9,
    compiling=max(0.0, first.seconds - seconds),
    seconds=seconds,
  )


def run(
  rules: Rules,
  lesson: Lesson,
  file: Path,
  contestants: Sequence[race.Contestant],
  aside: Aside,
) -> tuple[dict[str, Any], scoreboard.Chart]:
  """Runs all rounds of a workload.

  Args:
    rules: See there.
    lesson: The workload.
    file: Its rows, for the contestants to read.
    contestants: Who takes part.
    aside: Where the machine is measured.

  Returns:
    The workload's part of the report and of the picture.

  Raises:
    ValueError: the contestants do not make the same updates.
  """
  print(f"\n{lesson.line()}", flush=True)
  standings = [race.Standing(one, Round) for one in contestants]
  products, loads = [], []
  with contextlib.ExitStack() as stack:
    for one in standings:
      one.start(file, rules.patience, stack)
    for number in range(rules.rounds + 1):
      products.append(aside(floor.product, "float32"))
      loads.append(os.getloadavg()[0])
      for one in standings:
        one.run(functools.partial(_told, number, rules.rounds))
      agree(
        {
          x.contestant.name: x.rounds[-1]
          for x in standings
          if x.failure is None
        }
      )
  product, least = max(products), lesson.flops(rules.cfg)
  rows = scoreboard.compared(
    [_row(one, lesson, rules.cfg, product) for one in standings]
  )
  print(
    f"  {least / 1e12:.3f} TFLOP with prompts read once, at "
    f"{product / 1e9:.0f} GFLOP/s (product) {least / product:.2f} s; losses "
    f"and gradient norms agree to {TOLERANCE}"
  )
  print(scoreboard.table(rows, COLUMNS), flush=True)
  found = {
    "name": lesson.name,
    "what": lesson.line(),
    "tokens": lesson.tokens,
    "load_average": loads,
    "floor": {"flops": least, "products": products},
    "contestants": [
      dataclasses.asdict(row) | one.entry()
      for one, row in zip(standings, rows, strict=True)
    ],
  }
  chart = scoreboard.Chart(
    lesson.name,
    rows,
    lesson.tokens / least * product,
    floor_of="an update",
    rate_of="tokens of all rows",
  )
  return found, chart


def _told(number: int, last: int, done: Round) -> str:
  which = f"round {number} of {last}" if number else "first round"
  return (
    f"{which}: {done.seconds:.1f} s ({done.cores:.1f} CPU s), "
    f"loss {done.loss:.6f}, gradient norm {done.gradient_norm:.5f}"
  )


def _row(
  one: race.Standing[Round], lesson: Lesson, cfg: config.Model, product: float
) -> Row:
  if one.failure is not None:
    return Row(one.contestant.name, error=str(one.failure))
  return row(one.contestant.name, one.rounds, lesson, cfg, product)
