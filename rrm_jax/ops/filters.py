"""Temperature, top-k, top-p, min-p, and the draw itself.

One rule for all: a filter maps logits to logits, with `DROPPED` where a token
may not be drawn. The reported log-probability is that of the filtered
distribution, because that is the one sampled from.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rrm_jax import config

# Not a large number: divided by the temperature and subtracted from its own
# maximum in one fused step, that would leave its rounding error to be
# exponentiated.
DROPPED = -jnp.inf
# Halvings of the threshold search; 2^-30 of the range is under f32's grain.
BISECTIONS = 30


class Filters(NamedTuple):
  """What stands between logits and the distribution that is sampled.

  The fields are those of `config.Sampling`; the defaults change nothing.
  """

  temperature: float = 1.0
  top_k: int = 0
  top_p: float = 1.0
  min_p: float = 0.0


UNFILTERED = Filters()


def of(sampling: config.Sampling) -> Filters:
  """The filters of a config."""
  return Filters(
    sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p
  )


def filtered(logits: Float[Array, "N V"], cfg: Filters) -> Float[Array, "N V"]:
  """Logits after temperature and filters, f32.

  Filters apply one after the other as in Hugging Face's order: temperature,
  top-k, top-p, min-p. At temperature 0 only the largest is left.
  """
  logits = logits.astype(jnp.float32)
  if cfg.temperature == 0:
    best = jax.nn.one_hot(jnp.argmax(logits, -1), logits.shape[-1], dtype=bool)
    return jnp.where(best, 0.0, DROPPED)
  logits = logits / cfg.temperature
  if cfg.top_k:
    k = min(cfg.top_k, logits.shape[-1])
    floor = jax.lax.top_k(logits, k)[0][:, -1:]
    logits = jnp.where(logits >= floor, logits, DROPPED)
  if cfg.top_p < 1:
    probs = jax.nn.softmax(logits, axis=-1)
    logits = jnp.where(probs >= _nucleus(probs, cfg.top_p), logits, DROPPED)
  if cfg.min_p:
    probs = jax.nn.softmax(logits, axis=-1)
    floor = cfg.min_p * probs.max(-1, keepdims=True)
    logits = jnp.where(probs >= floor, logits, DROPPED)
  return logits


def _nucleus(probs: Float[Array, "N V"], top_p: float) -> Float[Array, "N 1"]:
  """The largest threshold that keeps at least `top_p` of the mass.

  A search over thresholds in place of a sort of the vocabulary, which is slow
  on a TPU. Tokens of equal probability stay or go together.
  """

  def halve(_: Array, bounds: tuple) -> tuple:
    low, high = bounds
    middle = (low + high) / 2
    kept = jnp.sum(jnp.where(probs >= middle, probs, 0), -1, keepdims=True)
    enough = kept >= top_p
    return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

  top = probs.max(-1, keepdims=True)
  low, _ = jax.lax.fori_loop(
    0, BISECTIONS, halve, (jnp.zeros_like(top), top * (1 + 1e-6))
  )
  return low


def draw(
  keys: Array, logits: Float[Array, "N V"]
) -> tuple[Int[Array, " N"], Float[Array, " N"]]:
  """One token per row from softmax(logits), and its log-probability.

  Gumbel-max in two stages: first among blocks of the vocabulary by their
  total probability, then within the block. That is the same distribution with
  the noise of about 2 sqrt(V) tokens in place of V. The draw of a row is a
  function of its key and its logits alone, and float noise in the logits
  changes it only where the two best are that close, far more seldom than it
  moves an inverse CDF.
  """
  rows, vocab = logits.shape
  size = block_size(vocab)
  blocks = -(-vocab // size)
  padding = ((0, 0), (0, blocks * size - vocab))
  logits = jnp.pad(logits, padding, constant_values=DROPPED)
  logits = logits.reshape(rows, blocks, size)
  totals = jax.nn.logsumexp(logits, axis=-1)
  noise = jax.vmap(lambda key: jax.random.gumbel(key, (blocks + size,)))(keys)
  block = jnp.argmax(totals + noise[:, :blocks], axis=-1)
  inside = jnp.take_along_axis(logits, block[:, None, None], axis=1)[:, 0]
  place = jnp.argmax(inside + noise[:, blocks:], axis=-1)
  picked = jnp.take_along_axis(inside, place[:, None], axis=-1)[:, 0]
  tokens = (block * size + place).astype(jnp.int32)
  return tokens, picked - jax.nn.logsumexp(totals, axis=-1)


def block_size(vocab: int) -> int:
  """A power of two near the square root of the vocabulary."""
  return 2 ** round(math.log2(vocab) / 2)
