"""Compiles the rollout engine for a TPU topology, with no TPU at hand.

python -m tools.compile_rollout --topology=v5e:2x2 --preset=qwen2.5-0.5b \
  [--slots=64] [--prompt=1024] [--new=1024] [--mesh=1,-1,1] \
  [--weights=replicated] [--kv_cache=compute] [--level=O1]

Needs libtpu: pip install "jax[tpu]". For each program of the engine prints how
long it took to compile, what it holds on each chip, whether the KV cache is
written in place, and what is sent between chips: for decoding, of one step.

--level=O1 compiles in a fraction of the time; memory differs by a tenth or so.
"""

from collections.abc import Sequence

import jax
from absl import app, flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.model import presets
from rrm_jax.sampling import layouts
from tools.compile_rollout import programs
from tools.compile_rollout.hlo import Collective
from tools.compile_rollout.programs import Measured, Work
from tools.plan import topology

_TOPOLOGY = flags.DEFINE_string(
  "topology", None, "Such as v5e:4x4 or v5p:2x2x1.", required=True
)
_PRESET = flags.DEFINE_string("preset", "qwen2.5-0.5b", "A published shape.")
_DTYPE = flags.DEFINE_enum(
  "dtype", "bfloat16", ["bfloat16", "float32"], "What is computed in."
)
_MESH = flags.DEFINE_list(
  "mesh", ["1", "-1", "1"], "Devices along data, fsdp and tensor; one -1."
)
_WEIGHTS = flags.DEFINE_enum(
  "weights",
  config.Engine().weights,
  ["training", "replicated", "tensor"],
  "The layout of sampling.",
)
_KV_CACHE = flags.DEFINE_enum(
  "kv_cache", "compute", ["compute", "int8"], "How keys and values are held."
)
_SLOTS = flags.DEFINE_integer("slots", 64, "Rows decoded together.")
_SAMPLES = flags.DEFINE_integer("samples", 8, "Rows that share a prompt.")
_PROMPT = flags.DEFINE_integer("prompt", 1024, "Tokens of a prompt.")
_NEW = flags.DEFINE_integer("new", 1024, "Room of a row.")
_LEVEL = flags.DEFINE_enum(
  "level", "default", ["default", "O1"], "The compiler's effort."
)


def _mesh() -> config.Mesh:
  try:
    data, fsdp, tensor = map(int, _MESH.value)
  except ValueError as error:
    raise ValueError(
      f"--mesh={','.join(_MESH.value)} must be three whole numbers: devices "
      "along data, fsdp and tensor"
    ) from error
  return config.Mesh(data, fsdp, tensor)


def _gib(size: int) -> str:
  return f"{size / 2**30:.3f}"


def _row(name: str, one: Measured) -> list[str]:
  return [
    name,
    f"{one.seconds:.1f}",
    _gib(one.arguments),
    _gib(one.temp),
    _gib(one.peak),
    *_cache(one),
  ]


def _cache(one: Measured) -> list[str]:
  if not one.cache:
    return ["", ""]
  return [_gib(one.cache), "in place" if one.in_place else "COPIED"]


def _table(rows: list[list[str]]) -> str:
  head = ["program", "seconds", "arguments", "temp", "peak", "cache", ""]
  rows = [head, *rows]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return "\n".join(
    "  ".join(x.rjust(w) for x, w in zip(row, widths, strict=True))
    for row in rows
  )


def _sent(name: str, one: Measured) -> list[str]:
  """What a program sends, by kind, the largest arrays named."""
  unit = "a step" if name == "decode" else "a call"
  groups: dict[str, list[Collective]] = {}
  for item in one.moved:
    if item.stepping == (name == "decode"):
      groups.setdefault(item.kind, []).append(item)
  return [
    f"{name}: {sum(x.times for x in items)} {kind} with "
    f"{sum(x.times * x.size for x in items) / 2**20:.2f} MiB {unit}, most in "
    + _most(items)
    for kind, items in groups.items()
  ]


def _most(items: list[Collective]) -> str:
  largest = max(items, key=lambda x: x.times * x.size)
  arrays = list(dict.fromkeys(largest.arrays))
  return f"{largest.times} x {', '.join(arrays[:3])}"


def _run() -> None:
  """Compiles and tells.

  Raises:
    ValueError: an impossible topology, mesh or model, or too little memory.
  """
  devices = topology.devices(_TOPOLOGY.value)
  layout = sharding.layout(_mesh(), devices)
  shape = config.to_mapping(presets.preset(_PRESET.value))
  cfg = config.from_mapping(
    config.Model, shape | {"compute_dtype": _DTYPE.value}
  )
  limits = config.from_mapping(
    config.Engine, {"weights": _WEIGHTS.value, "kv_cache": _KV_CACHE.value}
  )
  work = Work(
    _SLOTS.value, _SLOTS.value // _SAMPLES.value, _PROMPT.value, _NEW.value
  )
  sampled = layouts.decode_layout(layout, limits.weights, cfg)
  for field, count in (("slots", work.slots), ("prompts", work.prompts)):
    if not count or count % sampled.batch_parts:
      raise ValueError(
        f"{count} {field} do not divide into {sampled.batch_parts} parts of "
        "the batch; change --slots, --samples or --mesh"
      )
  chip = topology.chip(_TOPOLOGY.value)
  print(
    f"{_PRESET.value}, {_DTYPE.value}, on {_TOPOLOGY.value} as "
    f"{dict(layout.mesh.shape)}, weights {limits.weights}, cache "
    f"{limits.kv_cache}, effort {_LEVEL.value}\n{work}\n"
    f"GiB a device, of {chip.memory / 2**30:.2f}:"
  )
  rows, sent = [], []
  for name in programs.NAMES:
    try:
      one = programs.measured(name, cfg, layout, limits, work)
    except jax.errors.JaxRuntimeError as error:
      raise ValueError(f"{name}: {str(error).splitlines()[0]}") from error
    rows.append(_row(name, one))
    sent += _sent(name, one)
  print(_table(rows), *sent, sep="\n")


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  if _LEVEL.value == "O1":
    jax.config.update("jax_optimization_level", "O1")
  try:
    _run()
  except ValueError as error:
    setup.fail(error)
    return 1
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
