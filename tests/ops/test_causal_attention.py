"""Every kernel is attention by the book, forward and backward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.ops import causal_attention
from rrm_jax.ops.attention import attend
from tests import tiny


def inputs(rows, columns, heads, kv_heads, dim, before=0, seed=0):
  """Queries, keys, values, and which keys may be seen: not all of the first."""
  rng = np.random.default_rng(seed)
  shapes = [(rows, columns, heads, dim)]
  shapes += [(rows, before + columns, kv_heads, dim)] * 2
  known = rng.integers(1, before + 1, (rows, 1)) if before else np.zeros((1, 1))
  place = np.arange(before + columns)
  seen = (place < known) | (place >= before) | np.zeros((rows, 1), bool)
  arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
  return [jnp.asarray(x) for x in (*arrays, seen)]


@jax.jit
def by_the_book(q, k, v, seen):
  place = k.shape[1] - q.shape[1] + jnp.arange(q.shape[1])
  causal = place[:, None] >= jnp.arange(k.shape[1])
  mask = causal & seen[:, None]
  return attend(q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), mask)


def agree(kernel, q, k, v, seen):
  """Values and gradients, of a loss that weighs every output differently."""
  weights = np.random.default_rng(1).normal(size=q.shape).astype(np.float32)

  def loss(attention, q, k, v):
    out = attention(q, k, v, seen)
    return jnp.sum(out * weights), out

  def both(attention):
    run = functools.partial(loss, attention)
    return jax.jit(jax.value_and_grad(run, (0, 1, 2), has_aux=True))(q, k, v)

  ((_, out), found), ((_, book), expected) = map(both, (kernel, by_the_book))
  np.testing.assert_allclose(out, book, atol=1e-5)
  for x, y in zip(found, expected, strict=True):
    np.testing.assert_allclose(x, y, atol=5e-5)


@pytest.mark.parametrize("columns", [1, 8, 30])
@pytest.mark.parametrize("kv_heads", [1, 4])
@pytest.mark.parametrize("before", [0, 11])
def test_in_chunks(columns, kv_heads, before):
  chunked = functools.partial(causal_attention.chunked, size=8)
  agree(chunked, *inputs(2, columns, 4, kv_heads, 16, before))


def test_chunks_keep_no_scores():
  """What the gradient holds grows with the tokens, not with their square."""

  def temporary(columns):
    q = jnp.zeros((1, columns, 2, 8))
    seen = jnp.ones((1, columns), bool)
    loss = jax.grad(
      lambda q: causal_attention.chunked(q, q, q, seen, 256).sum()
    )
    return jax.jit(loss).lower(q).compile().memory_analysis().temp_size_in_bytes

  assert temporary(4096) < 2.5 * temporary(2048)


@pytest.mark.parametrize(
  ("columns", "before", "heads", "kv_heads", "dim"),
  [
    (1, 0, 2, 1, 64),
    (130, 0, 4, 2, 64),
    (700, 0, 2, 1, 128),
    (40, 130, 2, 2, 128),
    (130, 20, 4, 2, 64),
  ],
)
def test_on_tpus(columns, before, heads, kv_heads, dim):
  """The TPU's kernel, its steps done by XLA; a row's end is padded."""
  kernel = functools.partial(causal_attention.tpu, interpret=True)
  agree(kernel, *inputs(2, columns, heads, kv_heads, dim, before))


def test_each_device_has_its_rows_and_heads():
  arrays = inputs(4, 9, 4, 2, 64, 5)
  expected = by_the_book(*arrays)
  kernel = functools.partial(causal_attention.tpu, interpret=True)
  for mesh in tiny.MESHES:
    over = causal_attention.sharded(kernel, tiny.layout(*mesh))
    np.testing.assert_allclose(jax.jit(over)(*arrays), expected, atol=1e-5)


def test_keys_first_is_the_same():
  q, k, v, seen = inputs(3, 2, 4, 2, 16, 9)
  k, v = (x.transpose(0, 2, 1, 3) for x in (k, v))
  place = k.shape[2] - 2 + np.arange(2)
  mask = (place[:, None] >= np.arange(k.shape[2])) & seen[:, None]
  attention = functools.partial(attend, *map(jnp.asarray, (q, k, v, mask)))
  np.testing.assert_allclose(attention(keys_first=True), attention(), atol=1e-6)
