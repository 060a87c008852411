"""Casts are exact, or round once, for every bit pattern."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rrm_jax.ops import casting

cast = functools.partial(jax.jit, static_argnums=1)(casting.cast)


def test_bf16_and_f16_values_survive_f32():
  for dtype in (jnp.bfloat16, jnp.float16):
    bits = np.arange(1 << 16, dtype=np.uint16)
    values = bits.view(dtype)
    if dtype == jnp.float16:  # a signalling NaN may become a quiet one
      values = values[~np.isnan(values)]
    wide = cast(jnp.asarray(values), "float32")
    back = cast(wide, np.dtype(dtype).name)
    finite = np.isfinite(values.astype(np.float32))
    np.testing.assert_array_equal(
      np.asarray(wide)[finite].view(np.uint32),
      values.astype(np.float32)[finite].view(np.uint32),
    )
    np.testing.assert_array_equal(
      np.asarray(back).view(np.uint16), values.view(np.uint16)
    )


def test_f32_rounds_to_the_nearest_bf16():
  rng = np.random.default_rng(0)
  bits = rng.integers(0, 1 << 32, 200_000, np.uint32)
  ties = (bits[:1000] & 0xFFFF0000) | 0x8000
  values = np.concatenate([bits, ties, ties - 1, ties + 1]).view(np.float32)
  got = np.asarray(cast(jnp.asarray(values), "bfloat16"))
  nan = np.isnan(values)
  assert nan.any() and np.isnan(got[nan].astype(np.float32)).all()
  np.testing.assert_array_equal(
    got[~nan].view(np.uint16),
    values[~nan].astype(jnp.bfloat16).view(np.uint16),
  )


def test_nothing_becomes_infinite_or_finite_in_bf16():
  values = np.array([3.3895e38, 3.4e38, np.inf, -np.inf, 1e-45], np.float32)
  got = cast(jnp.asarray(values), "bfloat16").astype(jnp.float32)
  assert np.isfinite(got).tolist() == [True, False, False, False, True]


def test_through_f32_between_the_short_ones():
  values = jnp.array([1.5, 65504.0, 6e-8], jnp.float16)
  got = cast(values, "bfloat16")
  np.testing.assert_array_equal(
    got, values.astype(np.float32).astype(got.dtype)
  )
  assert cast(jnp.array([1e30], jnp.bfloat16), "float16") == np.inf
