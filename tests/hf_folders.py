"""Small Hugging Face folders, and a look at their bytes."""

import json
from pathlib import Path

import numpy as np

from rrm_jax import config
from rrm_jax.model import hf, hf_config
from rrm_jax.text import tokenizer as tokenizers
from tests import tiny

# As small_job's, with a vocabulary for its tokenizer.
MODEL = tiny.variant(vocab_size=80, max_positions=64)


def make(
  folder: Path,
  cfg: config.Model = MODEL,
  dtype: str = "float32",
  seed: int = 0,
  shard_bytes: int = 5_000_000_000,
) -> Path:
  """A folder of random weights, with the built-in task's tokenizer."""
  folder.mkdir(parents=True)
  params = tiny.placed(tiny.params(cfg, seed), tiny.layout(), cfg)
  hf.save(params, cfg, folder, dtype, shard_bytes)
  shape = json.dumps(hf_config.to_hf_config(cfg, dtype))
  (folder / "config.json").write_text(shape)
  tokenizers.arithmetic().save(folder)
  return folder


def tensors(folder: Path) -> dict[str, tuple[str, list[int], bytes]]:
  """Every tensor's dtype, shape and bytes, read without any library."""
  found = {}
  for path in sorted(folder.glob("*.safetensors")):
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    for name, item in header.items():
      assert name not in found, name
      first, last = item["data_offsets"]
      content = data[end + first : end + last]
      found[name] = (item["dtype"], item["shape"], content)
  return found


def perturb(folder: Path, name: str, factor: float) -> None:
  """Scales one f32 tensor where it lies in its file."""
  for path in folder.glob("*.safetensors"):
    data = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(data[:8], "little")
    item = json.loads(data[8:end]).get(name)
    if item is None:
      continue
    assert item["dtype"] == "F32"
    first, last = (end + at for at in item["data_offsets"])
    values = np.frombuffer(data[first:last], np.float32) * np.float32(factor)
    data[first:last] = values.tobytes()
    path.write_bytes(data)
    return
  raise AssertionError(f"{folder} has no tensor {name}")
