"""Causal attention of whole rows, by the platform's best well-kept kernel.

Reading prompts and learning see whole rows from their first token on. XLA
writes all scores to memory: 4 GiB for one row of 12,288 tokens and 7 heads. On
TPUs there is splash attention, shipped with JAX, on GPUs cuDNN's; elsewhere,
and for what these do not take, queries go through XLA in chunks.

Letters: B rows, T tokens, S keys, H heads, K KV heads, D per head.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.pallas.ops.tpu.splash_attention import (
  splash_attention_kernel as splash,
)
from jax.experimental.pallas.ops.tpu.splash_attention import (
  splash_attention_mask as masks,
)
from jaxtyping import Array, Bool, Float

from rrm_jax.ops.attention import attend
from rrm_jax.sharding import Layout

CHUNK = 512  # queries whose scores are in memory together
_LOOPS = 4
_LANES = 128  # rows of a TPU's kernel come in multiples of it


def attend_rows(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B T K D"],
  v: Float[Array, "B T K D"],
  layout: Layout | None = None,
) -> Float[Array, "B T H D"]:
  """`attend`, where a token sees those of its row up to itself.

  Args:
    q: Queries.
    k: Keys.
    v: Values.
    layout: Whose devices choose the kernel; XLA's way if None.
  """
  seen = jnp.ones(k.shape[:2], bool)
  return kernel(layout, q.dtype, q.shape[-1])(q, k, v, seen)


# Queries [B, T, H, D], keys and values [B, S, K, D] of which the last T are
# the queries' own tokens, and which of the S may be seen [B, S].
Kernel = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]


def kernel(layout: Layout | None, dtype: jnp.dtype, dim: int) -> Kernel:
  """The one for these devices; XLA's way is `chunked`."""
  platform = "cpu"
  if layout is not None:
    platform = layout.platform
  if platform == "tpu":
    assert layout is not None
    return sharded(functools.partial(tpu, interpret=False), layout)
  if platform == "gpu" and dtype == jnp.bfloat16 and dim <= 128:
    return gpu
  return chunked


def chunked(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B S K D"],
  v: Float[Array, "B S K D"],
  seen: Bool[Array, "B S"],
  size: int = CHUNK,
) -> Float[Array, "B T H D"]:
  """By XLA, in chunks of queries."""
  before = k.shape[1] - q.shape[1]
  k, v = k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3)

  def some(q: jax.Array, start: int | jax.Array, end: int) -> jax.Array:
    keys = slice(before + end)
    mask = causal(q.shape[1], start, k[:, :, keys].shape[2], before)
    return attend(q, k[:, :, keys], v[:, :, keys], mask & seen[:, None, keys])

  return in_chunks(some, q, size)


def causal(
  queries: int, start: int | jax.Array, keys: int, before: int = 0
) -> Bool[Array, "T S"]:
  """Which keys are not later than the queries from `start` on.

  Args:
    queries: T.
    start: The first one's place.
    keys: S.
    before: Keys that come before the first query of all.
  """
  place = before + start + jnp.arange(queries)
  return place[:, None] >= jnp.arange(keys)


# Some queries [B, t, H, D], the place of the first, and a place that is beyond
# all of them.
Some = Callable[[jax.Array, int | jax.Array, int], jax.Array]


def in_chunks(
  attend: Some, q: Float[Array, "B T H D"], size: int
) -> Float[Array, "B T H D"]:
  """`size` queries at a time; for the gradient computed again.

  A loop over chunks keeps one chunk's scores in memory, but its chunks must
  see equally many keys. So there are a few loops, each with the keys up to the
  last of its queries: at most 5/8 of all scores are computed.
  """
  columns = q.shape[1]
  if columns <= size:
    return attend(q, 0, columns)
  chunks = -(-columns // size)
  q = jnp.pad(q, ((0, 0), (0, chunks * size - columns), (0, 0), (0, 0)))
  step = size * -(-chunks // _LOOPS)
  parts = []
  for first in range(0, chunks * size, step):
    last = min(first + step, chunks * size)
    end = min(last, columns)

    def some(chunk: tuple[jax.Array, jax.Array], end: int = end) -> jax.Array:
      return jax.checkpoint(attend, static_argnums=2)(*chunk, end)

    mine = q[:, first:last].reshape(len(q), -1, size, *q.shape[2:])
    starts = jnp.arange(first, last, size)
    out = jax.lax.map(some, (mine.swapaxes(0, 1), starts))
    parts.append(out.swapaxes(0, 1).reshape(len(q), -1, *q.shape[2:]))
  return jnp.concatenate(parts, 1)[:, :columns]


def gpu(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B S K D"],
  v: Float[Array, "B S K D"],
  seen: Bool[Array, "B S"],
) -> Float[Array, "B T H D"]:
  """cuDNN's."""
  attention = functools.partial(
    jax.nn.dot_product_attention, q, k, v, implementation="cudnn"
  )
  if q.shape[1] == k.shape[1]:  # whole rows
    return attention(is_causal=True)
  place = k.shape[1] - q.shape[1] + jnp.arange(q.shape[1])
  causal = place[:, None] >= jnp.arange(k.shape[1])
  return attention(mask=(causal & seen[:, None])[:, None])


def tpu(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B S K D"],
  v: Float[Array, "B S K D"],
  seen: Bool[Array, "B S"],
  interpret: bool,
) -> Float[Array, "B T H D"]:
  """Splash attention on one TPU.

  Args:
    q: Queries.
    k: Keys.
    v: Values.
    seen: Which keys may be seen at all.
    interpret: Whether to run the kernel's steps as XLA, on any device.
  """
  columns, heads, dim = q.shape[1:]
  (rows, block), (keys, block_kv) = _room(columns), _room(k.shape[1])
  mask = masks.CausalMask((rows, keys), k.shape[1] - columns)
  kernel = splash.make_splash_mha(
    mask=masks.MultiHeadMask([mask] * heads),
    block_sizes=splash.BlockSizes(
      block_q=block,
      block_kv=block_kv,
      block_kv_compute=block_kv,
      block_q_dkv=block,
      block_kv_dkv=block_kv,
      block_kv_dkv_compute=block_kv,
      block_q_dq=block,
      block_kv_dq=block_kv,
    ),
    head_shards=1,
    q_seq_shards=1,
    interpret=interpret,
  )

  def heads_first(x: jax.Array, room: int) -> jax.Array:
    # What is added on the right no token sees.
    padded = jnp.pad(x, ((0, 0), (0, room - x.shape[1]), (0, 0), (0, 0)))
    return padded.transpose(0, 2, 1, 3)

  # A query sees keys of its own segment: 0, and 1 is seen by none.
  hidden = jnp.pad(~seen, ((0, 0), (0, keys - k.shape[1])))
  segments = splash.SegmentIds(
    jnp.zeros((len(q), rows), jnp.int32), hidden.astype(jnp.int32)
  )
  out = jax.vmap(kernel)(
    heads_first(q * dim**-0.5, rows),
    heads_first(k, keys),
    heads_first(v, keys),
    segments,
  )
  return out.transpose(0, 2, 1, 3)[:, :columns].astype(q.dtype)


def _room(columns: int) -> tuple[int, int]:
  """Columns in whole blocks, and the block."""
  block = min(CHUNK, -(-columns // _LANES) * _LANES)
  return -(-columns // block) * block, block


def sharded(kernel: Kernel, layout: Layout) -> Kernel:
  """Each device its rows and heads: a kernel is nothing XLA could cut.

  Rows that do not divide among the devices are computed by each.
  """

  def run(
    q: jax.Array, k: jax.Array, v: jax.Array, seen: jax.Array
  ) -> jax.Array:
    batch = None if len(q) % layout.batch_parts else "batch"
    rows = layout.rules.spec((batch, None, "heads", None))
    fewer = layout.rules.spec((batch, None, "kv_heads", None))
    return jax.shard_map(
      kernel,
      mesh=layout.mesh,
      in_specs=(rows, fewer, fewer, layout.rules.spec((batch, None))),
      out_specs=rows,
      check_vma=False,
    )(q, k, v, seen)

  return run
