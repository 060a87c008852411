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

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import app, flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.model import hf, hf_config, presets
from rrm_jax.rl import train_state
from tools.benchmark import heat, race, scoreboard, workloads

SMALL = config.Model(
  vocab_size=8_192,
  embed_dim=512,
  mlp_dim=1_408,
  num_layers=8,
  num_heads=8,
  num_kv_heads=2,
  head_dim=64,
  tied_embeddings=True,
)
MODULES = {
  "ours": "ours",
  "transformers": "static_batches",
  "transformers_continuous": "continuous_batches",
  "tunix": "tunix_sampler",
}
PEERS = race.ROOT / ".venv" / "peers" / "bin" / "python"
ABSENT = "run tools/benchmark/peers.sh"


@dataclasses.dataclass(frozen=True)
class Options:
  """A run of the suite; see the flags of the same names."""

  workloads: Sequence[str] = workloads.NAMES
  contestants: Sequence[str] = tuple(MODULES)
  slots: int = 16
  rounds: int = 3
  seed: int = 0
  shrink: int = 1
  dtype: str = "float32"
  model: config.Model = SMALL
  peers_python: str = ""
  patience: float = 1_800.0
  output: str = ""


def define() -> None:
  """The suite's flags."""
  flags.DEFINE_list("workloads", list(workloads.NAMES), "What is asked for.")
  flags.DEFINE_list("contestants", list(MODULES), "Who takes part.")
  flags.DEFINE_integer("slots", 16, "Rows decoded together.", lower_bound=1)
  flags.DEFINE_integer(
    "rounds", 3, "Rounds after the one that compiles.", lower_bound=1
  )
  flags.DEFINE_integer("seed", 0, "Of prompts and lengths.")
  flags.DEFINE_integer("shrink", 1, "Divides all lengths, for a quick look.")
  flags.DEFINE_string("preset", "", "The model's shape; empty: 27M parameters.")
  flags.DEFINE_list("model", [], "Fields of the shape, as num_layers=4.")
  flags.DEFINE_enum(
    "dtype", "float32", ["float32", "bfloat16"], "Of weights and computation."
  )
  flags.DEFINE_string("peers_python", "", f"Tunix's Python; {PEERS} if empty.")
  flags.DEFINE_float("patience", 1_800.0, "Seconds that a round may take.")
  flags.DEFINE_string("output", "", "A folder for rollout.json, rollout.png.")


def options(given: Mapping[str, Any]) -> Options:
  """Of flags by name.

  Raises:
    ValueError: a name is none of those there are.
  """
  base = presets.preset(given["preset"]) if given["preset"] else SMALL
  fields = {field.name for field in dataclasses.fields(Options)} - {"model"}
  return Options(
    model=shape(base, given["model"]), **{key: given[key] for key in fields}
  )


def shape(base: config.Model, changes: Sequence[str]) -> config.Model:
  """The model's shape with fields changed, as `num_layers=4`.

  Raises:
    ValueError: no such field, or not a value of it.
  """
  changed = {}
  for change in changes:
    name, _, value = change.partition("=")
    try:
      changed[name] = json.loads(value)
    except json.JSONDecodeError:
      raise ValueError(
        f"--model={change}: {value!r} is no number; give FIELD=NUMBER"
      ) from None
  return config.from_mapping(
    config.Model, config.to_mapping(base) | changed, "model"
  )


def contestants(chosen: Options) -> list[race.Contestant]:
  """Who takes part.

  Raises:
    ValueError: a name is none of theirs, or there is no such Python.
  """
  peers = Path(chosen.peers_python or PEERS)
  if chosen.peers_python and not peers.exists():
    raise ValueError(
      f"--peers_python={peers} does not exist; {ABSENT}, or leave the flag out"
    )
  made = []
  for name in chosen.contestants:
    if name not in MODULES:
      raise ValueError(
        f"{name!r} is no contestant; there are {', '.join(MODULES)}"
      )
    python = sys.executable
    if name == "tunix":
      python = str(peers) if peers.exists() else ""
    module = f"tools.benchmark.contestants.{MODULES[name]}"
    made.append(race.Contestant(name, module, python, ABSENT))
  return made


def write_model(folder: Path, cfg: config.Model, dtype: str) -> None:
  """A Hugging Face folder of random weights."""
  layout = sharding.layout(config.Mesh())
  params = train_state.init_params(sharding.key(0, layout), cfg, layout)
  folder.mkdir()
  hf.save(params, cfg, folder, dtype)
  found = json.dumps(hf_config.to_hf_config(cfg, dtype))
  (folder / "config.json").write_text(found, encoding="utf-8")


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


def machine() -> dict[str, Any]:
  """What ran the suite."""
  model = ""
  info = Path("/proc/cpuinfo")
  if info.exists():
    lines = info.read_text().splitlines()
    model = next((x.split(": ")[1] for x in lines if "model name" in x), "")
  return {
    "system": platform.platform(),
    "processor": model or platform.processor(),
    "cores": os.cpu_count(),
    "python": platform.python_version(),
    "jax": jax.__version__,
    "allocator": os.environ.get("GLIBC_TUNABLES", ""),
  }


def device() -> str:
  """What arrays live on."""
  return jax.devices()[0].device_kind


def suite(chosen: Options) -> dict[str, Any]:
  """Runs it; the report is also printed and written.

  Raises:
    ValueError: an option names nothing that there is.
  """
  taking_part = contestants(chosen)
  works = [
    workloads.make(name, chosen.model.vocab_size, chosen.seed, chosen.shrink)
    for name in chosen.workloads
  ]
  rules = heat.Rules(
    chosen.model, chosen.dtype, chosen.slots, chosen.rounds, chosen.patience
  )
  # Not here: on an accelerator its memory would stay with this process.
  os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
  spawn = multiprocessing.get_context("spawn")
  with (
    tempfile.TemporaryDirectory() as place,
    concurrent.futures.ProcessPoolExecutor(1, spawn) as pool,
  ):

    def aside(work: Callable[..., Any], *args: Any) -> Any:
      return pool.submit(work, *args).result()

    weights = Path(place) / "weights"
    aside(write_model, weights, chosen.model, chosen.dtype)
    report: dict[str, Any] = {
      "suite": "rollout",
      "machine": machine() | {"device": aside(device)},
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
        _write(Path(chosen.output), report, charts)
  return report


def _headline(report: Mapping[str, Any]) -> str:
  found, chosen = report["machine"], report["options"]
  return (
    f"{report['bytes'] / 1e9:.3f} GB of weights, {chosen['dtype']}, "
    f"{chosen['slots']} slots, {chosen['rounds']} rounds after the first; "
    f"{found['device']}, {found['cores']} cores, {found['processor']}"
  )


def _write(
  folder: Path, report: dict[str, Any], charts: Sequence[scoreboard.Chart]
) -> None:
  folder.mkdir(parents=True, exist_ok=True)
  text = json.dumps(report, indent=2)
  (folder / "rollout.json").write_text(text + "\n")
  scoreboard.draw(folder / "rollout.png", charts)


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
