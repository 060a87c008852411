"""Rotary position embedding (RoFormer, arXiv 2104.09864), Qwen2's pairing."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def rope(
  x: Float[Array, "B T H D"], positions: Int[Array, "B T"], theta: float
) -> Float[Array, "B T H D"]:
  """Turns each pair (i, i + D/2) of a head by position * theta^(-2i/D).

  Angles and rotation are f32: in bf16 neighbouring positions beyond 256
  would get the same angle.
  """
  half = x.shape[-1] // 2
  frequency = theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
  angle = positions[..., None].astype(jnp.float32) * frequency
  cos, sin = jnp.cos(angle)[:, :, None], jnp.sin(angle)[:, :, None]
  a, b = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  turned = jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
  return turned.astype(x.dtype)
