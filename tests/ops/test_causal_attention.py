"""Every kernel is attention by the book, forward and backward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.ops import causal_attention
from rrm_jax.ops.attention import attend, causal
from tests import tiny


def inputs(rows, columns, heads, kv_heads, dim, seed=0):
  rng = np.random.default_rng(seed)
  shapes = [(rows, columns, n, dim) for n in (heads, kv_heads, kv_heads)]
  return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@jax.jit
def by_the_book(q, k, v):
  place = jnp.arange(q.shape[1])[None]
  seen = jnp.broadcast_to(causal(place, place), (len(q), *[q.shape[1]] * 2))
  return attend(q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), seen)


def agree(kernel, *arrays):
  """Values and gradients, of a loss that weighs every output differently."""
  weights = np.random.default_rng(1).normal(size=arrays[0].shape)

  def loss(attention, q, k, v):
    return jnp.sum(attention(q, k, v) * weights.astype(np.float32))

  grads = [
    jax.jit(jax.value_and_grad(functools.partial(loss, one), (0, 1, 2)))
    for one in (kernel, by_the_book)
  ]
  np.testing.assert_allclose(
    jax.jit(kernel)(*arrays), by_the_book(*arrays), atol=1e-5
  )
  (_, found), (_, expected) = (one(*arrays) for one in grads)
  for x, y in zip(found, expected, strict=True):
    np.testing.assert_allclose(x, y, atol=5e-5)


@pytest.mark.parametrize("columns", [1, 8, 30])
@pytest.mark.parametrize("kv_heads", [1, 4])
def test_in_chunks(columns, kv_heads):
  chunked = functools.partial(causal_attention.chunked, size=8)
  agree(chunked, *inputs(2, columns, 4, kv_heads, 16))


def test_chunks_keep_no_scores():
  """What the gradient holds grows with the tokens, not with their square."""

  def temporary(columns):
    q, k, v = (jnp.zeros((1, columns, 2, 8)) for _ in range(3))
    loss = jax.grad(lambda q: causal_attention.chunked(q, k, v, 256).sum())
    return jax.jit(loss).lower(q).compile().memory_analysis().temp_size_in_bytes

  assert temporary(4096) < 2.5 * temporary(2048)


@pytest.mark.parametrize(
  ("columns", "heads", "kv_heads", "dim"),
  [(1, 2, 1, 64), (130, 4, 2, 64), (256, 2, 2, 128), (700, 2, 1, 128)],
)
def test_on_tpus(columns, heads, kv_heads, dim):
  """The TPU's kernel, its steps done by XLA; a row's end is padded."""
  kernel = functools.partial(causal_attention.tpu, interpret=True)
  agree(kernel, *inputs(2, columns, heads, kv_heads, dim))


def test_each_device_has_its_rows_and_heads():
  q, k, v = inputs(4, 9, 4, 2, 64)
  expected = by_the_book(q, k, v)
  kernel = functools.partial(causal_attention.tpu, interpret=True)
  for mesh in tiny.MESHES:
    over = causal_attention.sharded(kernel, tiny.layout(*mesh))
    np.testing.assert_allclose(jax.jit(over)(q, k, v), expected, atol=1e-5)
