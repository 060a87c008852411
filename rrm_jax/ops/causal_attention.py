"""Causal attention of whole rows, by the platform's best well-kept kernel.

Reading prompts and learning see whole rows from their first token on. XLA
writes all scores to memory: 4 GiB for one row of 12,288 tokens and 7 heads. On
TPUs there is splash attention, shipped with JAX, on GPUs cuDNN's; elsewhere,
and for what these do not take, queries go through XLA in chunks.

Letters: B rows, T tokens, H heads, K KV heads, D per head.
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
from jaxtyping import Array, Float

from rrm_jax.ops.attention import attend, causal
from rrm_jax.sharding import Layout

_CHUNK = 512  # queries whose scores are in memory together
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
  platform = "cpu"
  if layout is not None:
    platform = layout.mesh.devices.flat[0].platform
  with jax.named_scope("attention"):
    if platform == "tpu":
      assert layout is not None
      return sharded(functools.partial(tpu, interpret=False), layout)(q, k, v)
    if platform == "gpu" and q.dtype == jnp.bfloat16 and q.shape[-1] <= 128:
      return jax.nn.dot_product_attention(
        q, k, v, is_causal=True, implementation="cudnn"
      )
    return chunked(q, k, v)


def chunked(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B T K D"],
  v: Float[Array, "B T K D"],
  size: int = _CHUNK,
) -> Float[Array, "B T H D"]:
  """By XLA, `size` queries at a time; for the gradient computed again.

  A loop over chunks keeps one chunk's scores in memory, but its chunks must
  see equally many keys. So there are a few loops, each with the keys up to the
  last of its queries: at most 5/8 of all scores are computed.
  """
  columns = q.shape[1]
  if columns <= size:
    return _chunk(q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), 0)
  chunks = -(-columns // size)
  filled = ((0, 0), (0, chunks * size - columns), (0, 0), (0, 0))
  q, k, v = (jnp.pad(x, filled) for x in (q, k, v))
  k, v = k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3)
  step = size * -(-chunks // _LOOPS)
  parts = []
  for first in range(0, chunks * size, step):
    last = min(first + step, chunks * size)
    mine = q[:, first:last].reshape(len(q), -1, size, *q.shape[2:])
    keys, values = k[:, :, :last], v[:, :, :last]

    @jax.checkpoint
    def one(
      start: jax.Array, queries: jax.Array, k: jax.Array, v: jax.Array
    ) -> jax.Array:
      return _chunk(queries, k, v, start)

    out = jax.lax.map(
      lambda chunk, k=keys, v=values: one(*chunk, k, v),
      (jnp.arange(first, last, size), mine.swapaxes(0, 1)),
    )
    parts.append(out.swapaxes(0, 1).reshape(len(q), -1, *q.shape[2:]))
  return jnp.concatenate(parts, 1)[:, :columns]


def _chunk(
  q: jax.Array, k: jax.Array, v: jax.Array, start: int | jax.Array
) -> jax.Array:
  """Queries that begin at a column, which see the keys up to their own."""
  queries = start + jnp.arange(q.shape[1])[None]
  seen = causal(queries, jnp.arange(k.shape[2])[None])
  return attend(q, k, v, jnp.broadcast_to(seen, (len(q), *seen.shape[1:])))


def tpu(
  q: Float[Array, "B T H D"],
  k: Float[Array, "B T K D"],
  v: Float[Array, "B T K D"],
  interpret: bool,
) -> Float[Array, "B T H D"]:
  """Splash attention on one TPU.

  Args:
    q: Queries.
    k: Keys.
    v: Values.
    interpret: Whether to run the kernel's steps as XLA, on any device.
  """
  columns, heads, dim = q.shape[1:]
  block = min(_CHUNK, -(-columns // _LANES) * _LANES)
  room = -(-columns // block) * block
  whole = masks.CausalMask((room, room))
  kernel = splash.make_splash_mha(
    mask=masks.MultiHeadMask([whole] * heads),
    block_sizes=splash.BlockSizes(
      block_q=block,
      block_kv=block,
      block_kv_compute=block,
      block_q_dkv=block,
      block_kv_dkv=block,
      block_kv_dkv_compute=block,
      block_q_dq=block,
      block_kv_dq=block,
    ),
    head_shards=1,
    q_seq_shards=1,
    interpret=interpret,
  )

  def heads_first(x: jax.Array) -> jax.Array:
    # What is added on the right no token sees.
    padded = jnp.pad(x, ((0, 0), (0, room - columns), (0, 0), (0, 0)))
    return padded.transpose(0, 2, 1, 3)

  out = jax.vmap(kernel)(
    heads_first(q * dim**-0.5), heads_first(k), heads_first(v)
  )
  return out.transpose(0, 2, 1, 3)[:, :columns].astype(q.dtype)


def sharded(kernel: Callable, layout: Layout) -> Callable:
  """Each device its rows and heads: a kernel is nothing XLA could cut.

  Rows that do not divide among the devices are computed by each.
  """

  def run(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    batch = None if len(q) % layout.batch_parts else "batch"
    rows = layout.rules.spec((batch, None, "heads", None))
    fewer = layout.rules.spec((batch, None, "kv_heads", None))
    return jax.shard_map(
      kernel,
      mesh=layout.mesh,
      in_specs=(rows, fewer, fewer),
      out_specs=rows,
      check_vma=False,
    )(q, k, v)

  return run
