"""Temperature, top-k, top-p, min-p, and the draw itself.

One rule for all: a filter maps logits to logits, with `DROPPED` where a token
may not be drawn. The reported log-probability is that of the filtered
distribution, because that is the one sampled from.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rrm_jax import config

DROPPED = -1e30
# Halvings of the threshold search; 2^-30 of the range is under f32's grain.
BISECTIONS = 30


def filtered(
  logits: Float[Array, "N V"], cfg: config.Sampling
) -> Float[Array, "N V"]:
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

  Gumbel-max with a key per row: the draw of a row is a function of its key
  and its logits alone. Float noise in the logits changes a draw only where
  the two best are that close, far more seldom than it moves an inverse CDF.
  """
  noise = jax.vmap(
    lambda key: jax.random.gumbel(key, logits.shape[-1:], jnp.float32)
  )(keys)
  tokens = jnp.argmax(logits + noise, axis=-1).astype(jnp.int32)
  picked = jnp.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
  return tokens, picked - jax.nn.logsumexp(logits, axis=-1)
