"""Holds a model to transformers' own Qwen2, rung by rung, in f32.

  python -m tools.check_parity --model=PATH [--against=HF_DIR] [--tokens=64]

PATH is a Hugging Face folder, which is held to itself as transformers reads
it, or a workdir, with its export as HF_DIR. Each rung is given the peer's
input, so that a fault shows in the rung that has it; "running" is what has
built up so far without that help. Exit status 1 if a rung is off.

The measure is the largest over tokens of |ours - theirs| / |theirs|, in the
Euclidean norm: single numbers near 0 have no meaning, and the few huge ones of
a first token do not hide the others. Below 1e-4 is equal: sums of thousands
of f32 products in another order differ by 1e-6 to 1e-5, a weight rounded to
bfloat16 by 4e-3, a wrong one by more.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from launch import setup
from rrm_jax import config, pretrained, sharding, weights
from rrm_jax.model import hf, hf_config
from tools.check_parity import peer
from tools.check_parity.ladder import (
  DECODED,
  TOLERANCE,
  Ours,
  Rung,
  faulty_part,
  ladder,
)

_MODEL = flags.DEFINE_string(
  "model", None, "A Hugging Face folder, or a workdir.", required=True
)
_AGAINST = flags.DEFINE_string(
  "against", "", "The folder that transformers reads; by default the same."
)
_TOKENS = flags.DEFINE_integer(
  "tokens", 64, "Random tokens to read.", lower_bound=1
)


def _ours(path: Path, against: Path, length: int) -> Ours:
  """Our model in f32, its weights rounded as those of the folder are.

  Raises:
    ValueError: the two are of different shapes, or too short for the tokens.
  """
  layout = sharding.layout(config.Mesh())
  model = weights.model(path, layout, compute_dtype="float32")
  theirs = hf_config.read(against)
  for name in ("vocab_size", "embed_dim", "num_layers"):
    here, there = vars(model.cfg)[name], vars(theirs)[name]
    if here != there:
      raise ValueError(f"{name} is {here} in {path}, {there} in {against}")
  if length + DECODED > model.cfg.max_positions:
    raise ValueError(
      f"tokens={length} and the {DECODED} decoded are more than the "
      f"max_positions={model.cfg.max_positions} of {path}"
    )
  dtype = hf.dtype_of(against)
  params = jax.tree.map(
    lambda x: x.astype(dtype).astype(jnp.float32), model.params
  )
  ids = np.random.default_rng(0).integers(0, model.cfg.vocab_size, (1, length))
  cfg = dataclasses.replace(model.cfg, remat="none")
  return Ours(params, cfg, jnp.asarray(ids, jnp.int32))


def _table(rungs: Sequence[Rung]) -> str:
  lines = [f"{'rung':<16} {'max |d|':>9} {'relative':>9} {'running':>9}"]
  for rung in rungs:
    running = "" if rung.running is None else f"{rung.running:9.1e}"
    lines.append(
      f"{rung.name:<16} {rung.largest:9.1e} {rung.relative:9.1e} "
      f"{running:>9}{'  OFF' if rung.off else ''}"
    )
  return "\n".join(lines)


def _check(path: Path, against: Path, length: int) -> bool:
  """Prints the ladder; whether all its rungs hold."""
  model = peer.load(against)
  ours = _ours(path, against, length)
  rungs = ladder(ours, model)
  print(_table(rungs))
  first = next((i for i, rung in enumerate(rungs) if rung.off), None)
  if first is None:
    print(f"parity: all within {TOLERANCE:.0e}")
    return True
  place = rungs[first].name
  if place.startswith("layer "):
    seen, _ = peer.read(model, np.asarray(ours.tokens))
    place += f" ({faulty_part(ours, seen, first - 1).name})"
  print(f"first divergence: {place}, {rungs[first].relative:.1e} off")
  return False


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 in parity, 1 not, or failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  path, against = Path(_MODEL.value), Path(_AGAINST.value or _MODEL.value)
  try:
    if not pretrained.is_hf(against):
      raise ValueError(
        f"{against} is a workdir; export it with tools.export_hf, and give the "
        "folder as --against"
      )
    with jax.default_matmul_precision("highest"):
      return 0 if _check(path, against, _TOKENS.value) else 1
  except setup.TOLD as error:
    setup.fail(error)
    return 1


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
