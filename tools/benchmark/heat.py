"""One workload of the rollout suite: its rounds, its floor, its table."""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import config
from tools.benchmark import floor, scoreboard
from tools.benchmark.race import Contestant, Failure, Round, Runner, running
from tools.benchmark.workloads import Workload

# Calls a function in the process that measures, and gives its result.
Aside = Callable[..., Any]


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


class Standing:
  """A contestant during the rounds."""

  def __init__(self, contestant: Contestant):
    self.contestant = contestant
    self.runner: Runner | None = None
    self.about: dict[str, Any] = {}
    self.rounds: list[Round] = []
    self.failure: Failure | None = None

  def attempt(self, work: Callable[[], str]) -> None:
    """Does some of its work and says how it went; its failure is its own."""
    if self.failure is not None:
      return
    name = self.contestant.name
    try:
      print(f"  {name}: {work()}", flush=True)
    except Failure as failure:
      self.failure = failure
      print(f"  {name}: {failure}", flush=True)


def run(
  rules: Rules,
  workload: Workload,
  file: Path,
  contestants: Sequence[Contestant],
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
  standings = [Standing(contestant) for contestant in contestants]
  rates, loads = [], []
  with contextlib.ExitStack() as stack:
    for one in standings:
      start = functools.partial(_start, one, file, rules.patience, stack)
      one.attempt(start)
    for number in range(rules.rounds + 1):
      rates.append(aside(floor.measure, rules.cfg, rules.slots, rules.dtype))
      loads.append(os.getloadavg()[0])
      for one in standings:
        told = f"round {number} of {rules.rounds}" if number else "first round"
        one.attempt(functools.partial(_round, one, told, workload.tokens))
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
  print(scoreboard.table(rows))
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
      _entry(one, row) for one, row in zip(standings, rows, strict=True)
    ],
  }
  return found, scoreboard.Chart(workload.name, rows, least)


def _start(
  one: Standing, file: Path, patience: float, stack: contextlib.ExitStack
) -> str:
  one.runner = stack.enter_context(running(one.contestant, file, patience))
  one.about = one.runner.ready()
  versions = " ".join(f"{k} {v}" for k, v in one.about["libraries"].items())
  return f"{versions}; {one.about['note']}"


def _round(one: Standing, told: str, tokens: int) -> str:
  assert one.runner is not None
  done = one.runner.round()
  one.rounds.append(done)
  return (
    f"{told}: {done.seconds:.1f} s ({done.cores:.1f} CPU s), "
    f"{tokens / done.seconds:.0f} tok/s"
  )


def _row(
  one: Standing, tokens: int, slots: int, least: floor.Floor
) -> scoreboard.Row:
  if one.failure is not None:
    return scoreboard.Row(one.contestant.name, error=str(one.failure))
  return scoreboard.row(one.contestant.name, one.rounds, tokens, slots, least)


def _entry(one: Standing, row: scoreboard.Row) -> dict[str, Any]:
  log = one.failure.log if one.failure is not None else ""
  return {
    **row._asdict(),
    **one.about,
    "rounds": [done._asdict() for done in one.rounds],
    "log": log,
  }


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
