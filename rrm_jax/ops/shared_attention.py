"""Causal attention of completions that share their prompt.

G completions of one prompt see its keys and their own. The prompt's keys are
there once: where XLA computes, all completions' queries meet them in one
product, and the two halves of the softmax are joined by their largest scores
(as in arXiv 2402.05099); kernels get them laid before each completion's own.

Letters: P prompts of S columns, N = P G completions of T tokens, H heads, K KV
heads, D per head.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rrm_jax.ops import causal_attention
from rrm_jax.ops.attention import MASKED
from rrm_jax.ops.causal_attention import CHUNK, attend_rows, causal, in_chunks
from rrm_jax.sharding import Layout


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=["length"],
  meta_fields=["columns", "samples"],
)
@dataclasses.dataclass(frozen=True)
class Shared:
  """A row of tokens is a prompt and, one after the other, its completions.

  Attributes:
    length: Tokens of each prompt [P].
    columns: Those of prompts, padding included; completions come after them.
      Each has as many columns as it may have tokens.
    samples: Completions of a prompt.
  """

  length: Int[Array, " P"]
  columns: int
  samples: int


def attend_shared(
  q: Float[Array, "P C H D"],
  k: Float[Array, "P C K D"],
  v: Float[Array, "P C K D"],
  shared: Shared,
  layout: Layout | None = None,
) -> Float[Array, "P C H D"]:
  """Prompts see themselves, completions their prompt and themselves.

  Args:
    q: Queries of S + G T columns.
    k: Keys.
    v: Values.
    shared: Where the completions are.
    layout: Whose devices choose the kernel; XLA's way if None.
  """
  prompts, samples = len(q), shared.samples

  def parts(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    own = x[:, shared.columns :]
    own = own.reshape(prompts * samples, -1, *x.shape[2:])
    return x[:, : shared.columns], own

  (qp, qc), (kp, kc), (vp, vc) = map(parts, (q, k, v))
  known = jnp.arange(shared.columns) < shared.length[:, None]
  kernel = causal_attention.kernel(layout, q.dtype, q.shape[-1])
  if kernel is causal_attention.chunked:
    out = joined(qc, kp, vp, kc, vc, known)
  else:

    def before(prompt: jax.Array, own: jax.Array) -> jax.Array:
      return jnp.concatenate([jnp.repeat(prompt, samples, 0), own], 1)

    seen = before(known, jnp.ones(kc.shape[:2], bool))
    out = kernel(qc, before(kp, kc), before(vp, vc), seen)
  out = out.reshape(prompts, -1, *q.shape[2:])
  return jnp.concatenate([attend_rows(qp, kp, vp, layout), out], 1)


def joined(
  q: Float[Array, "N T H D"],
  kp: Float[Array, "P S K D"],
  vp: Float[Array, "P S K D"],
  kc: Float[Array, "N T K D"],
  vc: Float[Array, "N T K D"],
  known: Bool[Array, "P S"],
  size: int = CHUNK,
) -> Float[Array, "N T H D"]:
  """By XLA, in chunks of queries.

  Args:
    q: The completions' queries.
    kp: The prompts' keys.
    vp: The prompts' values.
    kc: The completions' keys.
    vc: The completions' values.
    known: Which of a prompt's columns are tokens.
    size: Queries of a chunk.
  """
  kp, vp, kc, vc = (x.transpose(0, 2, 1, 3) for x in (kp, vp, kc, vc))

  def some(q: jax.Array, start: int | jax.Array, end: int) -> jax.Array:
    own = kc[:, :, :end], vc[:, :, :end]
    return _joined(
      q, (kp, vp), own, known, causal(q.shape[1], start, own[0].shape[2])
    )

  return in_chunks(some, q, size)


def _joined(
  q: Float[Array, "N t H D"],
  prompt: tuple[jax.Array, jax.Array],
  own: tuple[jax.Array, jax.Array],
  known: Bool[Array, "P S"],
  seen: Bool[Array, "t s"],
) -> Float[Array, "N t H D"]:
  """softmax over a prompt's keys [P K S D] and a row's own [N K s D]."""
  rows, queries, heads, dim = q.shape
  prompts, kv_heads, _, _ = prompt[0].shape
  group, samples = heads // kv_heads, rows // prompts

  def together(x: jax.Array) -> jax.Array:
    """[N, K, m, ...] to [P, K, G m, ...]: all queries that a prompt has."""
    x = x.reshape(prompts, samples, *x.shape[1:]).swapaxes(1, 2)
    return x.reshape(prompts, kv_heads, -1, *x.shape[4:])

  def apart(x: jax.Array) -> jax.Array:
    x = x.reshape(prompts, kv_heads, samples, -1, *x.shape[3:]).swapaxes(1, 2)
    return x.reshape(rows, kv_heads, -1, *x.shape[4:])

  with jax.named_scope("attention"):
    q = q.reshape(rows, queries, kv_heads, group, dim)
    q = q.transpose(0, 2, 3, 1, 4).reshape(rows, kv_heads, -1, dim)
    theirs = _scores(together(q), prompt[0], known[:, None, None])
    mine = _scores(q, own[0], jnp.tile(seen, (group, 1)))
    most = jnp.maximum(apart(_highest(theirs)), _highest(mine))
    theirs, mine = jnp.exp(theirs - together(most)), jnp.exp(mine - most)
    total = apart(theirs.sum(-1, keepdims=True)) + mine.sum(-1, keepdims=True)
    out = (apart(_weighed(theirs, prompt[1])) + _weighed(mine, own[1])) / total
    out = out.astype(q.dtype).reshape(rows, kv_heads, group, queries, dim)
    return out.transpose(0, 3, 1, 2, 4).reshape(rows, queries, heads, dim)


def _scores(q: jax.Array, k: jax.Array, seen: jax.Array) -> jax.Array:
  scores = jnp.einsum("bkqd,bksd->bkqs", q, k, preferred_element_type="float32")
  return jnp.where(seen, scores * q.shape[-1] ** -0.5, MASKED)


def _highest(scores: jax.Array) -> jax.Array:
  """What softmax takes off; it cancels, and needs no gradient."""
  return jax.lax.stop_gradient(scores.max(-1, keepdims=True))


def _weighed(weights: jax.Array, v: jax.Array) -> jax.Array:
  return jnp.einsum(
    "bkqs,bksd->bkqd",
    weights.astype(v.dtype),
    v,
    preferred_element_type="float32",
  )
