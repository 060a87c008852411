"""The house's rules, held by reading its sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("rrm_jax", "launch", "tools", "configs")

# A room imports itself and the rooms of lower layers.
LAYERS = (
  ("mapping",),
  ("config",),
  (
    "records",
    "stable_hash",
    "bad_rows",
    "intervals",
    "batches",
    "sharding",
    "workdir",
  ),
  ("ops",),
  ("model", "optimizer", "text", "manifest"),
  (
    "rl",
    "sampling",
    "checkpoint",
    "metrics",
    "judgements",
    "tournament",
    "benchmarks",
    "analysis",
    "data",
    "baselines",
  ),
  ("prompts", "pretrained", "voting"),
  ("weights",),
  ("judge",),
  ("train",),
  ("configs",),
  ("launch",),
  ("tools",),
)
LAYER = {room: i for i, rooms in enumerate(LAYERS) for room in rooms}

# Text and records; never arrays on devices.
HOST = {"mapping", "config", "records", "workdir", "text", "judgements"}
HOST |= {"voting", "data", "analysis", "tournament", "benchmarks"}
HOST |= {"baselines", "stable_hash", "bad_rows", "intervals"}
# Arrays; never text.
DEVICE = {"batches", "ops", "model", "optimizer", "rl", "sampling", "sharding"}
DEVICE_MAY = DEVICE | {"config"}
# Numbers; never what makes arrays of them.
CONFIGS_MAY = ("rrm_jax.config.", "rrm_jax.model.presets.")
JAX = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}

# Where a library may be imported.
DOORS = {
  "flax": ("rrm_jax/model/qwen2.py", "rrm_jax/model/layers.py"),
  "safetensors": ("rrm_jax/model/shards.py",),
  "orbax": ("rrm_jax/checkpoint.py",),
  "transformers": (
    "rrm_jax/text/hugging_face.py",
    "tools/check_parity/peer.py",
    "tools/benchmark/contestants/",
  ),
  "tokenizers": (
    "rrm_jax/text/hugging_face.py",
    "rrm_jax/text/byte_pairs.py",
    "rrm_jax/text/closed_vocabulary.py",
  ),
  "sentencepiece": ("rrm_jax/text/sentence_pieces.py",),
  "ml_collections": ("launch/", "configs/", "tools/"),
  "absl": ("launch/", "configs/", "tools/"),
  "tensorflow_datasets": ("rrm_jax/data/",),
  "grain": ("rrm_jax/data/",),
  "array_record": ("rrm_jax/data/",),
  "math_verify": ("rrm_jax/data/verifier.py",),
  "pyarrow": ("rrm_jax/data/rows.py",),
  "evalica": ("rrm_jax/tournament/ratings.py",),
  "tensorboardX": ("rrm_jax/metrics.py",),
  "tensorflow": (),
  "torch": ("tools/check_parity/peer.py", "tools/benchmark/contestants/"),
  "trl": ("tools/benchmark/contestants/",),
  "tunix": ("tools/benchmark/contestants/",),
}

NO_NAMES = {"utils", "util", "common", "helpers", "base", "core", "manager"}
MOST_LINES = 300


def imports(source):
  """The dotted names that a source imports, and whether one is relative."""
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      module = "." * node.level + (node.module or "")
      yield from (f"{module}.{alias.name}" for alias in node.names)


def room_of(path):
  """`rrm_jax/text/tokenizer.py` is in `text`, `launch/train.py` in `launch`."""
  top, *rest = Path(path).with_suffix("").parts
  return rest[0] if top == "rrm_jax" else top


def direction_faults(path, source):
  room = room_of(path)
  if room == "__init__":
    return
  if room not in LAYER:
    yield f"{path}: {room} has no place in tests/test_house.py"
    return
  for name in imports(source):
    parts = name.split(".")
    if not parts[0]:
      yield f"{path}: relative import {name}"
      continue
    if parts[0] not in FOLDERS:
      continue
    target = parts[1] if parts[0] == "rrm_jax" else parts[0]
    if target == room:
      continue
    if target not in LAYER or LAYER[target] >= LAYER[room]:
      yield f"{path}: {room} imports {target}, which is not below it"
    if room in HOST and target not in HOST:
      yield f"{path}: host room {room} imports {target}"
    if room in DEVICE and target not in DEVICE_MAY:
      yield f"{path}: device room {room} imports {target}"
    if room == "configs" and not f"{name}.".startswith(CONFIGS_MAY):
      yield f"{path}: a config imports {name}"


def library_faults(path, source):
  for name in imports(source):
    library = name.split(".")[0]
    doors = DOORS.get(library)
    if doors is not None and not any(path.startswith(door) for door in doors):
      yield f"{path}: imports {library}, whose door is {doors or 'nowhere'}"
    if library in JAX and room_of(path) in HOST:
      yield f"{path}: host code imports {library}"


def reflection_faults(path, source):
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Name) and node.id in ("hasattr", "getattr"):
      yield f"{path}:{node.lineno}: {node.id}"


def size_faults(path, source):
  lines = len(source.splitlines())
  if lines > MOST_LINES:
    yield f"{path}: {lines} lines are two ideas"


def name_faults(path, source):
  del source
  for part in Path(path).with_suffix("").parts:
    if part in NO_NAMES:
      yield f"{path}: the name {part} says nothing"


RULES = (
  direction_faults,
  library_faults,
  reflection_faults,
  size_faults,
  name_faults,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_its_rules(rule):
  faults, count = [], 0
  for folder in FOLDERS:
    for path in sorted((ROOT / folder).rglob("*.py")):
      count += 1
      name = path.relative_to(ROOT).as_posix()
      faults += rule(name, path.read_text())
  assert count > 20
  assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
  ("rule", "path", "source"),
  [
    (
      direction_faults,
      "rrm_jax/ops/rope.py",
      "from rrm_jax.model import qwen2",
    ),
    (direction_faults, "rrm_jax/ops/rope.py", "import rrm_jax.model.qwen2"),
    (direction_faults, "rrm_jax/ops/rope.py", "from rrm_jax import model"),
    (direction_faults, "rrm_jax/ops/rope.py", "from . import masked"),
    (direction_faults, "rrm_jax/ops/rope.py", "from rrm_jax import records"),
    (direction_faults, "rrm_jax/rl/losses.py", "from rrm_jax import sampling"),
    (
      direction_faults,
      "rrm_jax/rl/losses.py",
      "from rrm_jax.text import reward",
    ),
    (direction_faults, "rrm_jax/text/reward.py", "from rrm_jax import batches"),
    (direction_faults, "rrm_jax/data/a.py", "from rrm_jax import sharding"),
    (direction_faults, "rrm_jax/judge.py", "def f():\n  import launch.train"),
    (direction_faults, "rrm_jax/judge.py", "from rrm_jax.train import grpo"),
    (direction_faults, "configs/mini.py", "from rrm_jax import judge"),
    (direction_faults, "configs/mini.py", "from rrm_jax.model import qwen2"),
    (direction_faults, "configs/mini.py", "from rrm_jax import model"),
    (direction_faults, "rrm_jax/cellar.py", ""),
    (library_faults, "rrm_jax/rl/learner.py", "from flax import linen"),
    (library_faults, "rrm_jax/train/grpo.py", "import orbax.checkpoint"),
    (library_faults, "rrm_jax/judge.py", "import transformers"),
    (library_faults, "rrm_jax/judge.py", "def f():\n  import tokenizers"),
    (library_faults, "rrm_jax/config/job.py", "import ml_collections"),
    (library_faults, "rrm_jax/judge.py", "from absl import flags"),
    (library_faults, "rrm_jax/judge.py", "import grain"),
    (library_faults, "rrm_jax/model/hf.py", "import torch"),
    (library_faults, "tools/benchmark/race.py", "import transformers"),
    (library_faults, "tools/measuring.py", "from tunix.generate import x"),
    (library_faults, "rrm_jax/data/readers.py", "import tensorflow as tf"),
    (library_faults, "rrm_jax/text/reward.py", "import jax.numpy as jnp"),
    (library_faults, "rrm_jax/analysis/a.py", "import optax"),
    (reflection_faults, "rrm_jax/judge.py", "hasattr(x, 'y')"),
    (reflection_faults, "rrm_jax/judge.py", "y = getattr(x, 'y', None)"),
    (size_faults, "rrm_jax/judge.py", "\n" * 301),
    (name_faults, "rrm_jax/text/utils.py", ""),
    (name_faults, "rrm_jax/core/loop.py", ""),
  ],
)
def test_every_rule_can_fail(rule, path, source):
  assert list(rule(path, source))


@pytest.mark.parametrize(
  ("rule", "path", "source"),
  [
    (direction_faults, "rrm_jax/judge.py", "from rrm_jax.text import reward"),
    (direction_faults, "rrm_jax/ops/rope.py", "from rrm_jax.ops import masked"),
    (direction_faults, "configs/mini.py", "from rrm_jax import config"),
    (direction_faults, "configs/mini.py", "from rrm_jax.model import presets"),
    (
      direction_faults,
      "configs/mini.py",
      "from rrm_jax.model.presets import preset",
    ),
    (library_faults, "rrm_jax/model/qwen2.py", "import flax.linen as nn"),
    (reflection_faults, "rrm_jax/judge.py", "'getattr(x)'"),
    (size_faults, "rrm_jax/judge.py", "\n" * 300),
    (name_faults, "rrm_jax/text/database.py", ""),
  ],
)
def test_no_rule_fails_on_what_is_right(rule, path, source):
  assert not list(rule(path, source))


def host_modules():
  for path in sorted((ROOT / "rrm_jax").rglob("*.py")):
    name = path.relative_to(ROOT).as_posix()
    if room_of(name) in HOST:
      yield name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def loaded_after(*lines):
  """The top-level modules of a fresh interpreter after some statements."""
  script = "\n".join(
    [*lines, "import sys", "print(*{m.split('.')[0] for m in sys.modules})"]
  )
  done = subprocess.run(
    [sys.executable, "-c", script],
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
  )
  return set(done.stdout.split())


def test_host_rooms_do_not_load_jax_or_tensorflow():
  modules = list(host_modules())
  assert "rrm_jax.records" in modules
  assert "rrm_jax.text.tokenizer" in modules
  loaded = loaded_after(*(f"import {module}" for module in modules))
  assert "rrm_jax" in loaded
  assert not loaded & {"jax", "jaxlib", "tensorflow", "torch"}
  assert "jax" in loaded_after("import rrm_jax.batches")


def test_shapes_do_not_load_jax():
  loaded = loaded_after(
    "import rrm_jax.model.presets", "import rrm_jax.model.hf_config"
  )
  assert "rrm_jax" in loaded
  assert not loaded & {"jax", "jaxlib", "numpy", "transformers"}
