"""Causal attention of whole rows, by the platform's best well-kept kernel.

Reading prompts and learning see whole rows from their first token on. XLA
writes all scores to memory: 4 GiB for one row of 12,288 tokens and 7 heads. On
TPUs there is splash attention, shipped with JAX, on GPUs cuDNN's; elsewhere,
and for what these do not take, queries go through XLA in chunks.

Rows may share what comes before them: G completions of one prompt see its keys
and their own.

Letters: B rows, T tokens, S keys, H heads, K KV heads, D per head; P prompts
of Tp columns, N = P G completions.
"""

import dataclasses
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
from jaxtyping import Array, Bool, Float, Int

from rrm_jax.ops.attention import attend
from rrm_jax.sharding import Layout

_CHUNK = 512  # queries whose scores are in memory together
_LOOPS = 4
_LANES = 128  # rows of a TPU's kernel come in multiples of it


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
  return _kernel(layout, q.dtype, q.shape[-1])(q, k, v, seen)


def attend_shared(
  q: Float[Array, "P T H D"],
  k: Float[Array, "P T K D"],
  v: Float[Array, "P T K D"],
  shared: Shared,
  layout: Layout | None = None,
) -> Float[Array, "P T H D"]:
  """Prompts see themselves, completions their prompt and themselves.

  The prompt's few KV heads are laid before each completion's own.
  """
  prompts, samples = len(q), shared.samples

  def parts(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    own = x[:, shared.columns :]
    return x[:, : shared.columns], own.reshape(
      prompts * samples, -1, *x.shape[2:]
    )

  (qp, qc), (kp, kc), (vp, vc) = map(parts, (q, k, v))

  def before(prompt: jax.Array, own: jax.Array) -> jax.Array:
    return jnp.concatenate([jnp.repeat(prompt, samples, 0), own], 1)

  known = jnp.arange(shared.columns) < shared.length[:, None]
  seen = before(known, jnp.ones(kc.shape[:2], bool))
  kernel = _kernel(layout, q.dtype, q.shape[-1])
  out = kernel(qc, before(kp, kc), before(vp, vc), seen)
  out = out.reshape(prompts, -1, *q.shape[2:])
  return jnp.concatenate([attend_rows(qp, kp, vp, layout), out], 1)


# Queries [B, T, H, D], keys and values [B, S, K, D] of which the last T are
# the queries' own tokens, and which of the S may be seen [B, S].
Kernel = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]


def _kernel(layout: Layout | None, dtype: jnp.dtype, dim: int) -> Kernel:
  """The one for these devices."""
  platform = "cpu"
  if layout is not None:
    platform = layout.mesh.devices.flat[0].platform
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
  size: int = _CHUNK,
) -> Float[Array, "B T H D"]:
  """By XLA, `size` queries at a time; for the gradient computed again.

  A loop over chunks keeps one chunk's scores in memory, but its chunks must
  see equally many keys. So there are a few loops, each with the keys up to the
  last of its queries: at most 5/8 of all scores are computed.
  """
  columns, before = q.shape[1], k.shape[1] - q.shape[1]
  if columns <= size:
    return _chunk(
      q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), seen, before
    )
  chunks = -(-columns // size)
  room = chunks * size - columns
  q, k, v = (jnp.pad(x, ((0, 0), (0, room), (0, 0), (0, 0))) for x in (q, k, v))
  seen = jnp.pad(seen, ((0, 0), (0, room)))
  k, v = k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3)
  step = size * -(-chunks // _LOOPS)
  parts = []
  for first in range(0, chunks * size, step):
    last = min(first + step, chunks * size)
    mine = q[:, first:last].reshape(len(q), -1, size, *q.shape[2:])
    reach = before + last
    one = functools.partial(
      _later, k[:, :, :reach], v[:, :, :reach], seen[:, :reach]
    )
    out = jax.lax.map(
      one, (mine.swapaxes(0, 1), before + jnp.arange(first, last, size))
    )
    parts.append(out.swapaxes(0, 1).reshape(len(q), -1, *q.shape[2:]))
  return jnp.concatenate(parts, 1)[:, :columns]


def _later(
  k: jax.Array, v: jax.Array, seen: jax.Array, chunk: tuple
) -> jax.Array:
  q, start = chunk
  return jax.checkpoint(_chunk)(q, k, v, seen, start)


def _chunk(
  q: jax.Array,
  k: jax.Array,
  v: jax.Array,
  seen: jax.Array,
  start: int | jax.Array,
) -> jax.Array:
  """Queries that begin at a key's place and see what comes up to their own."""
  place = start + jnp.arange(q.shape[1])
  causal = place[:, None] >= jnp.arange(k.shape[2])
  return attend(q, k, v, causal & seen[:, None])


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
  block = min(_CHUNK, -(-columns // _LANES) * _LANES)
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
