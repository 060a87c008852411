"""Rollouts: our engine against others, on the same requests and weights.

  python -m tools.benchmark rollout [--workloads=equal,ragged,...] \
    [--contestants=ours,transformers,transformers_continuous,tunix] \
    [--slots=16] [--rounds=3] [--preset=NAME] [--model=num_layers=4,...] \
    [--dtype=float32] [--output=DIR]

Everyone samples at temperature 1 from the whole softmax, and nothing ends a
completion but its length. Each contestant is a process; in each round all run
one after the other, after a first round that compiles. Useful tokens are those
that were asked for. Tunix lives in an environment of its own, which
tools/benchmark/peers.sh makes.
"""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

from launch import setup
from rrm_jax import config
from rrm_jax.model import hf, presets
from tools.benchmark import heat, race, scoreboard, venue, workloads

ENTRIES = {
  "ours": race.Entry("ours"),
  "transformers": race.Entry("static_batches"),
  "transformers_continuous": race.Entry("continuous_batches"),
  "tunix": race.Entry("tunix_sampler", peer=True),
}


@dataclasses.dataclass(frozen=True)
class Options:
  """A run of the suite; see the flags of the same names."""

  workloads: Sequence[str] = workloads.NAMES
  contestants: Sequence[str] = tuple(ENTRIES)
  slots: int = 16
  rounds: int = 3
  seed: int = 0
  shrink: int = 1
  dtype: str = "float32"
  model: config.Model = venue.SMALL
  peers_python: str = ""
  patience: float = 1_800.0
  output: str = ""


def define() -> None:
  """The suite's flags."""
  venue.define("rollout", list(workloads.NAMES), list(ENTRIES))
  flags.DEFINE_integer("slots", 16, "Rows decoded together.", lower_bound=1)
  flags.DEFINE_integer("seed", 0, "Of prompts and lengths.")
  flags.DEFINE_string("preset", "", "The model's shape; empty: 27M parameters.")
  flags.DEFINE_enum(
    "dtype", "float32", ["float32", "bfloat16"], "Of weights and computation."
  )


def options(given: Mapping[str, Any]) -> Options:
  """Of flags by name.

  Raises:
    ValueError: a name is none of those there are.
  """
  base = presets.preset(given["preset"]) if given["preset"] else venue.SMALL
  fields = {field.name for field in dataclasses.fields(Options)} - {"model"}
  return Options(
    model=venue.shape(base, given["model"]),
    **{key: given[key] for key in fields},
  )


def write_work(
  file: Path, chosen: Options, weights: Path, workload: workloads.Workload
) -> None:
  """What a contestant reads, as `contestants/track.py` has it."""
  work = {
    "weights": str(weights),
    "model": json.loads((weights / "config.json").read_text()),
    "dtype": chosen.dtype,
    "slots": chosen.slots,
    "requests": workload.requests,
  }
  file.write_text(json.dumps(work))


def suite(chosen: Options) -> dict[str, Any]:
  """Runs it; the report is also printed and written.

  Raises:
    ValueError: an option names nothing that there is.
  """
  taking_part = race.contestants(
    chosen.contestants, ENTRIES, chosen.peers_python
  )
  works = [
    workloads.make(name, chosen.model.vocab_size, chosen.seed, chosen.shrink)
    for name in chosen.workloads
  ]
  rules = heat.Rules(
    chosen.model, chosen.dtype, chosen.slots, chosen.rounds, chosen.patience
  )
  with tempfile.TemporaryDirectory() as place, venue.aside() as aside:
    weights = Path(place) / "weights"
    aside(venue.write_model, weights, chosen.model, chosen.dtype)
    report: dict[str, Any] = {
      "suite": "rollout",
      "machine": venue.machine() | {"device": aside(venue.device)},
      "options": dataclasses.asdict(chosen),
      "bytes": hf.size(chosen.model, chosen.dtype),
      "workloads": [],
    }
    print(_headline(report), flush=True)
    charts = []
    for workload in works:
      file = Path(place) / f"{workload.name}.json"
      write_work(file, chosen, weights, workload)
      found, chart = heat.run(rules, workload, file, taking_part, aside)
      report["workloads"].append(found)
      charts.append(chart)
      if chosen.output:
        scoreboard.write(Path(chosen.output), report, charts)
  return report


def _headline(report: Mapping[str, Any]) -> str:
  found, chosen = report["machine"], report["options"]
  return (
    f"{report['bytes'] / 1e9:.3f} GB of weights, {chosen['dtype']}, "
    f"{chosen['slots']} slots, {chosen['rounds']} rounds after the first; "
    f"{found['device']}, {found['cores']} cores, {found['processor']}"
  )


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
