"""Where a race is run: its flags, the model, the machine, a process beside."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from rrm_jax import config, sharding
from rrm_jax.model import hf, hf_config
from rrm_jax.rl import train_state
from tools.benchmark import race

# 27M parameters.
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
# Calls a function in a process of its own, and gives its result.
Aside = Callable[..., Any]


def define(
  suite: str, workloads: Sequence[str], contestants: Sequence[str]
) -> None:
  """The flags that all suites with contestants have."""
  flags.DEFINE_list("workloads", workloads, "What is asked for.")
  flags.DEFINE_list("contestants", contestants, "Who takes part.")
  flags.DEFINE_integer(
    "rounds", 3, "Rounds after the one that compiles.", lower_bound=1
  )
  flags.DEFINE_integer("shrink", 1, "Divides all lengths, for a quick look.")
  flags.DEFINE_list("model", [], "Fields of the shape, as num_layers=4.")
  flags.DEFINE_string(
    "peers_python", "", f"Tunix's Python; {race.PEERS} if empty."
  )
  flags.DEFINE_float("patience", 1_800.0, "Seconds that a round may take.")
  flags.DEFINE_string("output", "", f"A folder for {suite}.json, {suite}.png.")


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


@contextlib.contextmanager
def aside() -> Iterator[Aside]:
  """A process beside the contestants', which measures and prepares.

  On an accelerator what it holds would otherwise stay with the one that waits.
  """
  os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
  spawn = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:

    def call(work: Callable[..., Any], *args: Any) -> Any:
      return pool.submit(work, *args).result()

    yield call


def write_model(folder: Path, cfg: config.Model, dtype: str) -> None:
  """A Hugging Face folder of random weights."""
  layout = sharding.layout(config.Mesh())
  params = train_state.init_params(sharding.key(0, layout), cfg, layout)
  folder.mkdir()
  hf.save(params, cfg, folder, dtype)
  found = json.dumps(hf_config.to_hf_config(cfg, dtype))
  (folder / "config.json").write_text(found, encoding="utf-8")


def machine() -> dict[str, Any]:
  """What runs the suite."""
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
