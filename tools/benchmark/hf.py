"""Weights in and out of Hugging Face, against a plain copy of the same bytes.

  python -m tools.benchmark hf [--preset=qwen2.5-0.5b] [--dtype=bfloat16] \
    [--rounds=3] [--folder=DIR] [--output=FILE.json]

Makes a folder of random weights of the preset's shape. In each round every
task runs once, in a process of its own, so that their peaks of memory do not
mix and what the machine does meanwhile hits them alike.
"""

import concurrent.futures
import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
from absl import app, flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.model import hf, hf_config, presets
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import export, importing
from tools import measuring
from tools.benchmark import venue


class Run(NamedTuple):
  """One run of a task; `peak` as in `measuring.Effort`."""

  seconds: float
  peak: int


class Row(NamedTuple):
  """Medians of a task's runs.

  Attributes:
    task: Its name.
    seconds: Wall time.
    rate: GB of tensors per second.
    of_copy: The rate as a fraction of the copy's.
    peak: Growth of host memory to its highest, GB.
    beside: That without the weights themselves, which on CPUs lie in it.
  """

  task: str
  seconds: float
  rate: float
  of_copy: float
  peak: float
  beside: float


def make(folder: Path, cfg: config.Model, dtype: str) -> None:
  """A Hugging Face folder of random weights."""
  venue.write_model(folder, cfg, dtype)
  tokenizers.arithmetic().save(folder)


def copy(place: Path) -> None:
  """Reads and writes the files of weights, until the disk has them."""
  output = place / "copy"
  output.mkdir()
  for path in sorted((place / "source").glob("*.safetensors")):
    shutil.copyfile(path, output / path.name)
    with (output / path.name).open("rb") as file:
      os.fsync(file.fileno())


def load(place: Path) -> None:
  """The weights in the devices' memory, in their files' dtype."""
  source = place / "source"
  layout = sharding.layout(config.Mesh())
  cfg, dtype = hf_config.read(source), hf.dtype_of(source)
  jax.block_until_ready(hf.load(source, cfg, layout, dtype))


def import_hf(place: Path) -> None:
  """A workdir of the folder."""
  importing.import_folder(place / "source", place / "import")


def export_hf(place: Path) -> None:
  """A folder of the workdir, read back."""
  export.export(place / "workdir", place / "export")


def export_unverified(place: Path) -> None:
  """A folder of the workdir."""
  export.export(place / "workdir", place / "export", verified=False)


TASKS: dict[str, Callable[[Path], None]] = {
  "copy + fsync": copy,
  "load": load,
  "import_hf": import_hf,
  "export_hf": export_hf,
  "export, not verified": export_unverified,
}


def run(task: str, place: Path) -> Run:
  """Runs a task in a fresh process, and removes what it made."""
  spawn = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
    done = pool.submit(_measured, task, place).result()
  for made in ("copy", "import", "export"):
    shutil.rmtree(place / made, ignore_errors=True)
  return done


def _measured(task: str, place: Path) -> Run:
  jax.devices()  # the backend's start is not the task's
  with measuring.effort() as effort:
    TASKS[task](place)
  return Run(effort.seconds, effort.peak)


def rows(runs: dict[str, list[Run]], tensors: int, on_cpu: bool) -> list[Row]:
  """Medians, and rates for so many bytes of tensors."""
  medians = {
    task: statistics.median(run.seconds for run in of_task)
    for task, of_task in runs.items()
  }
  fastest = medians["copy + fsync"]
  made = []
  for task, seconds in medians.items():
    peak = statistics.median(run.peak for run in runs[task])
    held = tensors if on_cpu and task != "copy + fsync" else 0
    rate = tensors / 1e9 / seconds
    made.append(
      Row(
        task,
        round(seconds, 3),
        round(rate, 3),
        round(fastest / seconds, 3),
        round(peak / 1e9, 3),
        round(max(0, peak - held) / 1e9, 3),
      )
    )
  return made


def table(made: Sequence[Row]) -> str:
  """For the terminal."""
  lines = [
    f"{'':<22}{'seconds':>9}{'GB/s':>9}{'of copy':>9}{'peak GB':>9}"
    f"{'beside weights':>16}"
  ]
  lines += [
    f"{row.task:<22}{row.seconds:>9.2f}{row.rate:>9.2f}{row.of_copy:>9.2f}"
    f"{row.peak:>9.2f}{row.beside:>16.2f}"
    for row in made
  ]
  return "\n".join(lines)


def _suite(place: Path) -> list[Row]:
  cfg = presets.preset(flags.FLAGS.preset)
  tensors = hf.size(cfg, flags.FLAGS.dtype)
  print(
    f"{flags.FLAGS.preset}, {flags.FLAGS.dtype}, {tensors / 1e9:.3f} GB",
    flush=True,
  )
  spawn = multiprocessing.get_context("spawn")
  # Not here: its memory would stay with this process.
  with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
    pool.submit(make, place / "source", cfg, flags.FLAGS.dtype).result()
    pool.submit(
      importing.import_folder, place / "source", place / "workdir"
    ).result()
  runs: dict[str, list[Run]] = {task: [] for task in TASKS}
  for _ in range(flags.FLAGS.rounds):
    for task in TASKS:
      runs[task].append(run(task, place))
  made = rows(runs, tensors, jax.default_backend() == "cpu")
  print(table(made))
  if flags.FLAGS.output:
    report = {
      "suite": "hf",
      "preset": flags.FLAGS.preset,
      "dtype": flags.FLAGS.dtype,
      "bytes": tensors,
      "rounds": flags.FLAGS.rounds,
      "backend": jax.default_backend(),
      "tasks": [row._asdict() for row in made],
    }
    Path(flags.FLAGS.output).write_text(json.dumps(report, indent=2) + "\n")
  return made


def define() -> None:
  """The suite's flags."""
  flags.DEFINE_string("preset", "qwen2.5-0.5b", "The model's shape.")
  flags.DEFINE_enum(
    "dtype", "bfloat16", ["float32", "bfloat16", "float16"], "Of the tensors."
  )
  flags.DEFINE_integer("rounds", 3, "Runs of each task.", lower_bound=1)
  flags.DEFINE_string(
    "folder", "", "Where to work; the system's temporary folder if empty."
  )
  flags.DEFINE_string("output", "", "A file for the figures, as JSON.")


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    with tempfile.TemporaryDirectory(dir=flags.FLAGS.folder or None) as place:
      _suite(Path(place))
  except ValueError as error:
    setup.fail(error)
    return 1
  return 0
