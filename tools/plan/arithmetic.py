"""FLOPs and seconds of a step by formula: what hardware could do at best.

The compiler's own counts leave out kernels and count loops once, so these are
counted from the shapes. Letters: T tokens, S the tokens that each sees.
"""

from typing import NamedTuple

from rrm_jax import config
from tools.compile_rollout.hlo import Collective
from tools.plan.topology import Chip


class Step(NamedTuple):
  """What learning on one step's rows takes, all chips together.

  Attributes:
    tokens: Through the model, prompts as often as they are read.
    flops: Forward, backward and, with remat, forward again.
    scoring: Forward, for the reference.
  """

  tokens: int
  flops: float
  scoring: float


def matrix_parameters(cfg: config.Model) -> int:
  """Of a layer's products, times the layers; not the vocabulary's."""
  heads, kv = cfg.num_heads * cfg.head_dim, cfg.num_kv_heads * cfg.head_dim
  width = cfg.embed_dim
  return cfg.num_layers * (
    width * (2 * heads + 2 * kv) + 3 * width * cfg.mlp_dim
  )


def learning(cfg: config.Model, stage: config.Grpo, prompt: int) -> Step:
  """A step at the longest prompts and completions."""
  rows, new = stage.comparisons * stage.samples, stage.sampling.max_new_tokens
  tokens = stage.prefixes * prompt + rows * new
  # Pairs of a query with what it may see.
  pairs = stage.prefixes * prompt**2 / 2 + rows * (new * prompt + new**2 / 2)
  inner = 2 * tokens * matrix_parameters(cfg)
  attention = 4 * pairs * cfg.num_layers * cfg.num_heads * cfg.head_dim
  logits = 2 * rows * new * cfg.embed_dim * cfg.vocab_size
  forward = inner + attention + logits
  again = inner + attention if cfg.remat == "full" else 0.0
  # The logits are made again for the gradient in any case.
  flops = 3 * forward + again + logits
  return Step(tokens, flops, forward)


def decoding_step(
  cfg: config.Model, slots: int, live: float, cache_bytes: int
) -> tuple[float, float]:
  """FLOPs and bytes of writing one token in every slot, all chips together.

  Args:
    cfg: The model's shape.
    slots: Rows.
    live: Tokens that each sees.
    cache_bytes: Of one number in the cache.
  """
  matrices = matrix_parameters(cfg) + cfg.embed_dim * cfg.vocab_size
  seen = slots * live * cfg.num_layers
  flops = 2 * slots * matrices + 4 * seen * cfg.num_heads * cfg.head_dim
  read = 2 * matrices + 2 * seen * cfg.num_kv_heads * cfg.head_dim * cache_bytes
  return flops, read


def seconds(
  flops: float, moved: float, sent: float, chip: Chip, chips: int
) -> float:
  """At least: the slowest of computing, memory and links.

  Args:
    flops: All chips'.
    moved: Bytes of memory, all chips'.
    sent: Bytes that one chip receives.
    chip: What one can do.
    chips: How many.
  """
  return max(
    flops / chips / chip.flops,
    moved / chips / chip.bandwidth,
    sent / chip.links,
  )


def received(moved: tuple[Collective, ...]) -> dict[str, float]:
  """Bytes that a chip receives in a call, by kind."""
  found: dict[str, float] = {}
  for one in moved:
    found[one.kind] = found.get(one.kind, 0.0) + one.times * one.size
  return found
