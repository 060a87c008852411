"""Grouped-query attention (arXiv 2305.13245).

Letters: B rows, T queries, S keys, K KV heads, G query heads of each, D.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

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


def attend(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B K S D"],
  v: Float[Array, "B K S D"],
  mask: Bool[Array, "B T S"],
) -> Float[Array, "B T H D"]:
  """softmax(q k^T / sqrt(D)) v, query head h reading KV head h // G.

  The G query heads of a KV head are laid along the queries, so both products
  are plain batched matrix products with K and V read where they lie. Scores
  and softmax are f32.
  """
  rows, queries, heads, dim = q.shape
  kv_heads, keys = k.shape[1], k.shape[2]
  group = heads // kv_heads
  with jax.named_scope("attention"):
    q = q.reshape(rows, queries, kv_heads, group, dim)
    q = q.transpose(0, 2, 3, 1, 4).reshape(rows, kv_heads, -1, dim)
    scores = jnp.einsum(
      "bkqd,bksd->bkqs", q, k, preferred_element_type=jnp.float32
    )
    scores = scores.reshape(rows, kv_heads, group, queries, keys)
    scores = jnp.where(mask[:, None, None], scores * dim**-0.5, MASKED)
    weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
    weights = weights.reshape(rows, kv_heads, -1, keys)
    out = jnp.einsum("bkqs,bksd->bkqd", weights, v)
    out = out.reshape(rows, kv_heads, group, queries, dim)
    return out.transpose(0, 3, 1, 2, 4).reshape(rows, queries, heads, dim)
