"""Grouped-query attention (arXiv 2305.13245).

Letters: B rows, T queries, S keys, K KV heads, G query heads of each, D.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num

# Not -inf: a query with no key to see (padding) gets the mean, not NaN.
MASKED = -1e30


def causal(
  queries: Int[Array, "B T"],
  keys: Int[Array, "#B S"],
  window: int | None = None,
) -> Bool[Array, "B T S"]:
  """Which keys a query sees: those up to its own place.

  With a window only the last `window` of them, its own included (Longformer,
  arXiv 2004.05150).
  """
  distance = queries[:, :, None] - keys[:, None, :]
  seen = distance >= 0
  return seen if window is None else seen & (distance < window)


class Scaled(NamedTuple):
  """What makes keys and values of int8 numbers.

  Attributes:
    keys: A key is its number times this, and what all rows have in common.
    values: A value is its number times this.
    common: The part of the keys that is not in the numbers.
  """

  keys: Float[Array, "B K 1 S"]
  values: Float[Array, "B K 1 S"]
  common: Float[Array, "K S D"]


def attend(
  q: Float[Array, "B T H D"],
  k: Num[Array, "B K S D"],
  v: Num[Array, "B K S D"],
  mask: Bool[Array, "B T S"],
  scaled: Scaled | None = None,
  keys_first: bool = False,
) -> Float[Array, "B T H D"]:
  """softmax(q k^T / sqrt(D)) v, query head h reading KV head h // G.

  The G query heads of a KV head are laid along the queries, so both products
  are plain batched matrix products with K and V read where they lie. Scores
  and softmax are f32.

  Args:
    q: Queries.
    k: Keys, or int8 numbers of them.
    v: Values, or int8 numbers of them.
    mask: Which keys a query sees.
    scaled: With int8 numbers. Scales multiply scores and weights in place of
      keys and values, which is the same, so the numbers go as they lie into
      products that are exact in bf16 too.
    keys_first: Multiplies keys with queries, not queries with keys: with few
      queries CPUs are faster so, as the many keys need not be turned.
  """
  rows, queries, heads, dim = q.shape
  kv_heads, keys = k.shape[1], k.shape[2]
  group = heads // kv_heads
  with jax.named_scope("attention"):
    q = q.reshape(rows, queries, kv_heads, group, dim)
    q = q.transpose(0, 2, 3, 1, 4).reshape(rows, kv_heads, -1, dim)
    k, v = k.astype(q.dtype), v.astype(q.dtype)
    if keys_first:
      # The barrier keeps softmax's sums along the scores' last dimension.
      scores = jax.lax.optimization_barrier(_product("bksd,bkqd->bksq", k, q))
      scores = scores.swapaxes(2, 3)
    else:
      scores = _product("bkqd,bksd->bkqs", q, k)
    if scaled is not None:
      common = _product("bkqd,ksd->bkqs", q, scaled.common)
      scores = scores * scaled.keys + common
    flat = scores.shape
    scores = scores.reshape(rows, kv_heads, group, queries, keys)
    scores = jnp.where(mask[:, None, None], scores * dim**-0.5, MASKED)
    weights = jax.nn.softmax(scores).reshape(flat)
    if scaled is not None:
      weights *= scaled.values
    out = jnp.einsum("bkqs,bksd->bkqd", weights.astype(v.dtype), v)
    out = out.reshape(rows, kv_heads, group, queries, dim)
    return out.transpose(0, 3, 1, 2, 4).reshape(rows, queries, heads, dim)


def _product(spec: str, x: jax.Array, y: jax.Array) -> jax.Array:
  return jnp.einsum(spec, x, y, preferred_element_type=jnp.float32)
