"""What learning must compute, by formula, and how fast hardware could be."""

from typing import NamedTuple

from rrm_jax import config
from tools.plan.counting import Work
from tools.plan.topology import Chip


class Bound(NamedTuple):
  """The least time, and what takes it."""

  seconds: float
  by: str


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
  again = {"none": 0.0, "dots": attention, "full": inner + attention}[cfg.remat]
  # The logits are made again for the gradient in any case.
  flops = 3 * forward + again + logits
  return Step(tokens, flops, forward)


def bound(work: Work, received: float, chip: Chip) -> Bound:
  """The slowest of computing, memory and links; each hides the others.

  Args:
    work: What one chip does.
    received: Bytes that it receives.
    chip: What it can do.
  """
  return max(
    Bound(work.flops / chip.flops, "FLOPs"),
    Bound(work.moved / chip.bandwidth, "HBM"),
    Bound(received / chip.links, "links"),
  )
