"""One process of the tests that need processes of their own.

  python -m tests.model.hf_process memory FOLDER OUTPUT
  python -m tests.model.hf_process accelerator FOLDER OUTPUT
  python -m tests.model.hf_process pair FOLDER OUTPUT ADDRESS NUMBER

Prints what it found as JSON.
"""

import json
import os
import sys
import tracemalloc
from pathlib import Path

import jax

from rrm_jax import config, sharding
from rrm_jax.model import hf, shard_reader
from tests import hf_folders, tiny

# Six tensors of 61 MB in f32; the rest is small.
LARGE = config.Model(
  vocab_size=64, embed_dim=1024, mlp_dim=15_000, num_layers=2, num_heads=4,
  num_kv_heads=2, head_dim=8,
)  # fmt: skip


def _status(field: str) -> int:
  """Bytes, as the kernel counts them."""
  for line in Path("/proc/self/status").read_text().splitlines():
    if line.startswith(field + ":"):
      return int(line.split()[1]) * 1024
  raise KeyError(field)


def memory(folder: Path, output: Path) -> dict[str, int]:
  """How far loading and saving reach beyond what they have to hold."""
  small = tiny.placed(tiny.params(), tiny.layout())
  hf.save(small, tiny.MODEL, output / "small", "float32")
  hf.load(output / "small", tiny.MODEL, tiny.layout())  # the compiler is there
  before = _status("VmRSS")
  params = hf.load(folder, LARGE, tiny.layout())
  held = sum(x.nbytes for x in jax.tree.leaves(params))
  loading = _status("VmHWM") - before - held
  before = _status("VmRSS")
  hf.save(params, LARGE, output / "large", "bfloat16")
  return {
    "held": held,
    "loading": loading,
    "saving": _status("VmHWM") - before,
  }


def accelerator(folder: Path, output: Path) -> dict[str, int]:
  """The host's arrays while devices with memory of their own are filled.

  Not the process's memory: that is the devices' too, here.
  """
  sharding.on_host = lambda devices: False
  tracemalloc.start()
  params = hf.load(folder, LARGE, tiny.layout())
  _, loading = tracemalloc.get_traced_memory()
  tracemalloc.reset_peak()
  hf.save(params, LARGE, output / "large", "bfloat16")
  _, saving = tracemalloc.get_traced_memory()
  held = sum(x.nbytes for x in jax.tree.leaves(params))
  return {"held": held, "loading": loading, "saving": saving}


def pair(folder: Path, output: Path, address: str, number: str) -> dict:
  """One of two processes, with one device each."""
  jax.distributed.initialize(address, 2, int(number))
  over, count = sharding.layout(config.Mesh(fsdp=2)), [0]
  real = shard_reader.blocks

  def counting(*args):
    for begin, block in real(*args):
      count[0] += block.nbytes
      yield begin, block

  shard_reader.blocks = counting
  cfg, failures = hf_folders.MODEL, []
  with jax.transfer_guard("disallow"):
    params = hf.load(folder, cfg, over)
    found = {"read": count[0], "size": hf.size(cfg, "float32")}
    hf.save(params, cfg, output, "float32", shard_bytes=20_000)
    found["files"] = len(list(output.glob("*.safetensors")))
    hf.verify(params, cfg, output, "float32")
    tied = tiny.variant(vocab_size=80, max_positions=64, tied_embeddings=True)
    for attempt in (
      lambda: hf.verify(params, cfg, output, "bfloat16"),
      lambda: hf.save(params, cfg, output, "float32"),
      lambda: hf.load(folder, tied, over),
    ):
      try:
        attempt()
      except ValueError as error:
        failures.append(str(error))
  return found | {"failures": failures}


if __name__ == "__main__":
  os.environ.setdefault("JAX_PLATFORMS", "cpu")
  what, source, target, *more = sys.argv[1:]
  run = {"memory": memory, "accelerator": accelerator, "pair": pair}[what]
  print(json.dumps(run(Path(source), Path(target), *more)))
