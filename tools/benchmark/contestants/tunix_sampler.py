"""Google Tunix's own sampler: static batches, each run to its longest row."""

from importlib import metadata

import jax
import jax.numpy as jnp
from jax.sharding import AxisType
from tunix.generate import sampler
from tunix.models.qwen2 import model as qwen2
from tunix.models.qwen2 import params

from tools import host_memory
from tools.benchmark.contestants import process, track

# No id is this one: nothing ends a row but its length.
NEVER = -2


class Decimal:
  """A tokenizer whose text is ids in decimal; Tunix takes text alone."""

  def encode(self, text: str) -> list[int]:
    """Ids of a text."""
    return [int(word) for word in text.split()]

  def decode(self, ids: list[int]) -> str:
    """The text of ids."""
    return " ".join(map(str, ids))

  def bos_id(self) -> int:
    """0: none is put before a prompt."""
    return 0

  def eos_id(self) -> int:
    """None that occurs."""
    return NEVER

  def pad_id(self) -> int:
    """What rows are filled with, on the left."""
    return 0


def model(weights: str, found: dict, dtype: str) -> qwen2.Qwen2:
  """The weights of a folder whose config.json is `found`."""
  heads = found["num_attention_heads"]
  cfg = qwen2.ModelConfig(
    num_layers=found["num_hidden_layers"],
    vocab_size=found["vocab_size"],
    embed_dim=found["hidden_size"],
    hidden_dim=found["intermediate_size"],
    num_heads=heads,
    head_dim=found.get("head_dim", found["hidden_size"] // heads),
    num_kv_heads=found["num_key_value_heads"],
    rope_theta=found["rope_theta"],
    norm_eps=found["rms_norm_eps"],
    use_tied_embedding=found["tie_word_embeddings"],
    dtype=jnp.dtype(dtype),
    param_dtype=jnp.dtype(dtype),
  )
  mesh = jax.make_mesh(
    (1, 1), ("fsdp", "tp"), axis_types=(AxisType.Auto, AxisType.Auto)
  )
  return params.create_model_from_safe_tensors(weights, cfg, mesh, cfg.dtype)


def libraries() -> dict[str, str]:
  """Versions."""
  return {
    "google-tunix": metadata.version("google-tunix"),
    "jax": jax.__version__,
  }


def peak() -> int:
  """Of the device's memory, or the host's if that is where arrays live."""
  if jax.default_backend() == "cpu":
    return host_memory.peak()
  stats = jax.local_devices()[0].memory_stats() or {}
  return int(stats.get("peak_bytes_in_use", 0))


def prepare(work: track.Work) -> process.Ready[track.Lap]:
  """Reads the weights; the cache is as long as the longest row."""
  judge = model(work.weights, work.model, work.dtype)
  cfg = judge.config
  widest = max(len(r.prompt) for r in work.requests)
  tokenizer = Decimal()
  theirs = sampler.Sampler(
    judge,
    tokenizer,
    sampler.CacheConfig(
      cache_size=widest + max(r.length for r in work.requests),
      num_layers=cfg.num_layers,
      num_kv_heads=cfg.num_kv_heads,
      head_dim=cfg.head_dim,
    ),
  )

  def lap(number: int) -> track.Lap:
    clock = track.Clock()
    written: list[list[int]] = []
    steps = 0
    for i, batch in enumerate(work.batches()):
      longest = max(r.length for r in batch)
      out = theirs(
        [tokenizer.decode(r.prompt) for r in batch],
        max_generation_steps=longest,
        max_prompt_length=widest,
        eos_tokens=[NEVER],
        temperature=1.0,
        top_p=1.0,
        seed=1_000 * number + i,
      )
      clock.first()
      for row, request in zip(out.tokens, batch, strict=True):
        written.append(row[: request.length].tolist())
      steps += longest
    return track.Lap(written, clock.seen, steps)

  return process.Ready(
    lap=lap,
    libraries=libraries(),
    note=(
      f"static batches of {work.slots} as they come, each run to its longest "
      "inside one program: no token is seen before its batch is done"
    ),
    peak=peak,
  )


if __name__ == "__main__":
  track.run(prepare)
