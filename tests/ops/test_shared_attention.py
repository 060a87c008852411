"""Completions that share a prompt are rows that each have it to themselves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.ops import causal_attention, shared_attention
from rrm_jax.ops.shared_attention import Shared

PROMPTS, SAMPLES, COLUMNS = 3, 2, 6
LENGTH = np.array([6, 1, 4], np.int32)


def inputs(width, kv_heads):
  rng = np.random.default_rng(0)
  heads = (4, kv_heads, kv_heads)
  shape = PROMPTS, COLUMNS + SAMPLES * width
  return [
    jnp.asarray(rng.normal(size=(*shape, n, 16)), jnp.float32) for n in heads
  ]


def of_rows(q, k, v):
  """Each row alone, without its padding; nothing where there is padding."""
  out = jnp.zeros_like(q)
  width = (q.shape[1] - COLUMNS) // SAMPLES
  for p, known in enumerate(LENGTH):
    for i in range(SAMPLES):
      own = COLUMNS + i * width + np.arange(width)
      row = np.array([*range(known), *own])
      alone = [x[p : p + 1, row] for x in (q, k, v)]
      out = out.at[p, row].set(causal_attention.attend_rows(*alone)[0])
  return out


def together(q, k, v):
  shared = Shared(jnp.asarray(LENGTH), COLUMNS, SAMPLES)
  out = shared_attention.attend_shared(q, k, v, shared)
  place = np.arange(q.shape[1])
  real = (place < LENGTH[:, None]) | (place >= COLUMNS)
  return jnp.where(real[..., None, None], out, 0)


def with_gradients(attention, arrays):
  weights = np.random.default_rng(1).normal(size=arrays[0].shape)

  def loss(*arrays):
    out = attention(*arrays)
    return jnp.sum(out * weights.astype(np.float32)), out

  return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*arrays)


def repeated(monkeypatch):
  """As with a kernel that takes whole rows."""
  whole = functools.partial(causal_attention.chunked, size=4)
  monkeypatch.setattr(causal_attention, "kernel", lambda *_: whole)


def small_chunks(monkeypatch):
  joined = functools.partial(shared_attention.joined, size=4)
  monkeypatch.setattr(shared_attention, "joined", joined)


@pytest.mark.parametrize("change", [None, repeated, small_chunks])
@pytest.mark.parametrize(("width", "kv_heads"), [(1, 4), (4, 2), (11, 1)])
def test_completions_see_their_prompt_and_themselves(
  width, kv_heads, change, monkeypatch
):
  if change is not None:
    change(monkeypatch)
  arrays = inputs(width, kv_heads)
  (_, out), found = with_gradients(together, arrays)
  (_, wanted), expected = with_gradients(of_rows, arrays)
  np.testing.assert_allclose(out, wanted, atol=1e-6)
  for x, y in zip(found, expected, strict=True):
    np.testing.assert_allclose(x, y, atol=1e-5)


def test_a_prompts_keys_are_not_copied_for_its_completions():
  samples, columns, heads, dim = 64, 512, 4, 64
  q = jnp.zeros((1, columns + samples, heads, dim))
  shared = Shared(jnp.array([columns]), columns, samples)
  loss = jax.grad(
    lambda *x: shared_attention.attend_shared(*x, shared).sum(), (0, 1, 2)
  )
  found = jax.jit(loss).lower(q, q, q).compile().memory_analysis()
  copies = 2 * samples * columns * heads * dim * 4
  assert found.temp_size_in_bytes < copies / 2
