"""What a decoding step costs at least, on this machine.

A step reads the weights and the live keys and values, and multiplies them
with a few rows. Held against a measured copy and measured products of the
step's own shapes, that gives the tokens per second that no engine exceeds
which writes one token of each row per step.

Letters: D width, F feed-forward, H heads, K KV heads, V vocabulary, L layers.
"""

import functools
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rrm_jax import config
from rrm_jax.ops.products import times_transposed

# Elements that are copied: more than caches hold.
COPIED = 2**25
# The length of a prompt in the measured products of prefill.
PROMPT = 128
# Of square matrices whose product is measured.
SIDE = 2_048


class Cost(NamedTuple):
  """Of one step, or of reading prompts.

  Attributes:
    weights: Bytes of weights that are read.
    cache: Bytes of keys and values that are read.
    flops: Two for each multiplication and addition.
  """

  weights: float
  cache: float
  flops: float


class Rates(NamedTuple):
  """What the machine gives.

  Attributes:
    copied: Bytes per second that a copy reads and writes.
    skinny: FLOP per second in products of a step's rows with all weights, in
      the faster of their layouts.
    wide: The same with a prompt's rows.
  """

  copied: float
  skinny: float
  wide: float


class Floor(NamedTuple):
  """The least that a workload takes.

  Attributes:
    step: Seconds of a step in which every slot is busy.
    prefill: Seconds of reading every prompt once.
    tokens_per_second: Useful ones, in such steps and nothing else.
    with_prompts: The same, with the prompts' reading.
  """

  step: float
  prefill: float
  tokens_per_second: float
  with_prompts: float


def shapes(cfg: config.Model) -> list[tuple[int, int]]:
  """Every matrix that a token is multiplied with, the unembedding last."""
  heads, kv = cfg.num_heads * cfg.head_dim, cfg.num_kv_heads * cfg.head_dim
  width, inner = cfg.embed_dim, cfg.mlp_dim
  layer = [(width, heads), (width, kv), (width, kv), (heads, width)]
  layer += [(width, inner), (width, inner), (inner, width)]
  return layer * cfg.num_layers + [(width, cfg.vocab_size)]


def step_cost(cfg: config.Model, rows: int, live: float, itemsize: int) -> Cost:
  """A step of so many rows, each seeing `live` tokens."""
  elements = sum(math.prod(shape) for shape in shapes(cfg))
  heads = cfg.num_heads * cfg.head_dim
  kv = 2 * cfg.num_kv_heads * cfg.head_dim
  return Cost(
    weights=elements * itemsize,
    cache=rows * live * cfg.num_layers * kv * itemsize,
    flops=2 * rows * elements + 4 * rows * live * cfg.num_layers * heads,
  )


def prompt_flops(cfg: config.Model, tokens: int) -> float:
  """Reading prompts: the products alone, and no logits."""
  return 2 * tokens * sum(math.prod(shape) for shape in shapes(cfg)[:-1])


def floor(
  cost: Cost, rates: Rates, rows: int, tokens: int, prompts: float
) -> Floor:
  """The least time for `tokens`, and for prompts of so many FLOP."""
  step = max(
    (cost.weights + cost.cache) / rates.copied, cost.flops / rates.skinny
  )
  prefill = prompts / rates.wide
  return Floor(
    step=step,
    prefill=prefill,
    tokens_per_second=rows / step,
    with_prompts=tokens / (tokens / rows * step + prefill),
  )


def measure(cfg: config.Model, rows: int, dtype: str) -> Rates:
  """The best of several runs; some seconds."""
  weights = [jnp.full(shape, 0.01, dtype) for shape in shapes(cfg)]
  return Rates(
    copied=_copied(),
    skinny=_multiplied(weights, rows),
    wide=_multiplied(weights, PROMPT),
  )


def product(dtype: str) -> float:
  """FLOP per second of a large product, the best of several; a second."""
  x = jnp.ones((SIDE, SIDE), dtype)
  multiply = jax.jit(jnp.matmul)
  return 2 * SIDE**3 / _fastest(lambda: jax.block_until_ready(multiply(x, x)))


def _multiplied(weights: list[jax.Array], rows: int) -> float:
  """FLOP per second over distinct weights, so that no cache holds them.

  As many as the faster layout of the weights gives: their inner dimension
  first, or last.
  """
  sides = {side for w in weights for side in w.shape}
  xs = {side: jnp.ones((rows, side), weights[0].dtype) for side in sides}

  @jax.jit
  def inner_first(xs: dict, weights: list[jax.Array]) -> list[jax.Array]:
    return [xs[w.shape[0]] @ w for w in weights]

  @jax.jit
  def inner_last(xs: dict, weights: list[jax.Array]) -> list[jax.Array]:
    return [times_transposed(xs[w.shape[1]], w) for w in weights]

  def seconds(product: Callable, weights: list[jax.Array]) -> float:
    return _fastest(lambda: jax.block_until_ready(product(xs, weights)))

  flops = 2 * rows * sum(w.size for w in weights)
  return flops / min(
    seconds(inner_first, weights),
    seconds(inner_last, [w.T for w in weights]),
  )


def _copied() -> float:
  """Bytes per second of a copy in place, read and written."""
  move = functools.partial(jax.jit, donate_argnums=0)(lambda x: x + 1)
  held = [jnp.zeros(COPIED, jnp.float32)]

  def run() -> None:
    held[0] = jax.block_until_ready(move(held[0]))

  return 2 * held[0].nbytes / _fastest(run)


def _fastest(run: Callable[[], object], seconds: float = 0.5) -> float:
  """Seconds of the fastest run, after two to warm up."""
  run()
  run()
  taken: list[float] = []
  while sum(taken) < seconds or len(taken) < 3:
    begun = time.perf_counter()
    run()
    taken.append(time.perf_counter() - begun)
  return min(taken)
