"""One workload of the rollout suite: its rounds, its floor, its table."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import config
from tools.benchmark import floor, race, scoreboard
from tools.benchmark.venue import Aside
from tools.benchmark.workloads import Workload


class Rules(NamedTuple):
  """The same for all workloads.

  Attributes:
    cfg: The model's shape.
    dtype: Of weights and computation.
    slots: Rows decoded together.
    rounds: After the first.
    patience: Seconds that a round may take.
  """

  cfg: config.Model
  dtype: str
  slots: int
  rounds: int
  patience: float


def run(
  rules: Rules,
  workload: Workload,
  file: Path,
  contestants: Sequence[race.Contestant],
  aside: Aside,
) -> tuple[dict[str, Any], scoreboard.Chart]:
  """Runs all rounds of a workload.

  Args:
    rules: See there.
    workload: What is asked for.
    file: The same, for the contestants to read.
    contestants: Who takes part.
    aside: Where the machine is measured.

  Returns:
    The workload's part of the report and of the picture.
  """
  print(f"\n{workload.line()}", flush=True)
  standings = [race.Standing(one, scoreboard.Round) for one in contestants]
  rates, loads = [], []
  with contextlib.ExitStack() as stack:
    for one in standings:
      one.start(file, rules.patience, stack)
    for number in range(rules.rounds + 1):
      rates.append(aside(floor.measure, rules.cfg, rules.slots, rules.dtype))
      loads.append(os.getloadavg()[0])
      told = functools.partial(_told, number, rules.rounds, workload.tokens)
      for one in standings:
        one.run(told)
  best = floor.Rates(*map(max, zip(*rates, strict=True)))
  itemsize = 4 if rules.dtype == "float32" else 2
  cost = floor.step_cost(rules.cfg, rules.slots, workload.live, itemsize)
  least = floor.floor(
    cost,
    best,
    rules.slots,
    workload.tokens,
    floor.prompt_flops(rules.cfg, workload.prompt_tokens),
  )
  rows = scoreboard.compared(
    [_row(one, workload.tokens, rules.slots, least) for one in standings]
  )
  print(_floor_lines(cost, best, least, rules.slots, workload))
  print(scoreboard.table(rows, scoreboard.ROLLOUT))
  print("\n".join(scoreboard.factors(rows)), flush=True)
  found = {
    "name": workload.name,
    "what": workload.line(),
    "tokens": workload.tokens,
    "prompt_tokens": workload.prompt_tokens,
    "live": workload.live,
    "load_average": loads,
    "floor": {
      "cost": cost._asdict(),
      "rates": best._asdict(),
      "rates_by_round": [one._asdict() for one in rates],
      "least": least._asdict(),
    },
    "contestants": [
      dataclasses.asdict(row) | one.entry()
      for one, row in zip(standings, rows, strict=True)
    ],
  }
  chart = scoreboard.Chart(
    workload.name,
    rows,
    least.tokens_per_second,
    floor_of="a step",
    rate_of="useful tokens",
  )
  return found, chart


def _told(number: int, last: int, tokens: int, done: scoreboard.Round) -> str:
  which = f"round {number} of {last}" if number else "first round"
  return (
    f"{which}: {done.seconds:.1f} s ({done.cores:.1f} CPU s), "
    f"{tokens / done.seconds:.0f} tok/s"
  )


def _row(
  one: race.Standing[scoreboard.Round],
  tokens: int,
  slots: int,
  least: floor.Floor,
) -> scoreboard.Rollout:
  if one.failure is not None:
    return scoreboard.Rollout(one.contestant.name, error=str(one.failure))
  return scoreboard.row(one.contestant.name, one.rounds, tokens, slots, least)


def _floor_lines(
  cost: floor.Cost,
  rates: floor.Rates,
  least: floor.Floor,
  slots: int,
  workload: Workload,
) -> str:
  """The arithmetic of the floor."""
  moved = (cost.weights + cost.cache) / rates.copied
  return (
    f"  a step of {slots} rows at {workload.live:.0f} live tokens: "
    f"{cost.weights / 1e6:.0f} MB of weights + {cost.cache / 1e6:.0f} MB of "
    f"keys and values at {rates.copied / 1e9:.1f} GB/s (copy) = "
    f"{1e3 * moved:.1f} ms;\n"
    f"  {cost.flops / 1e9:.2f} GFLOP at {rates.skinny / 1e9:.0f} GFLOP/s "
    f"({slots} rows x all weights) = {1e3 * cost.flops / rates.skinny:.1f} ms; "
    f"floor {least.tokens_per_second:.0f} tok/s,\n"
    f"  {least.with_prompts:.0f} with the prompts read once, "
    f"{least.prefill:.1f} s at {rates.wide / 1e9:.0f} GFLOP/s"
  )
