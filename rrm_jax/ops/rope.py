"""Rotary position embedding (RoFormer, arXiv 2104.09864), Qwen2's pairing."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def rope(
  x: Float[Array, "B T H D"], positions: Int[Array, "B T"], theta: float
) -> Float[Array, "B T H D"]:
  """Turns each pair (i, i + D/2) of a head by position * theta^(-2i/D).

  Angles and rotation are f32: in bf16 neighbouring positions beyond 256
  would get the same angle. The frequencies are constants made on the host in
  the order of operations in which the published weights were trained: a last
  bit that differs turns a pair at position 30,000 by 2e-3.
  """
  dim = x.shape[-1]
  exponent = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
  frequency = np.float32(1) / np.float32(theta) ** exponent
  angle = positions[..., None].astype(jnp.float32) * frequency
  cos, sin = jnp.cos(angle)[:, :, None], jnp.sin(angle)[:, :, None]
  a, b = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  turned = jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
  return turned.astype(x.dtype)
