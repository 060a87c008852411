"""Rotary position embedding (RoFormer, arXiv 2104.09864), Qwen2's pairing."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from rrm_jax import config


def frequencies(
  dim: int, theta: float, yarn: config.Yarn | None = None
) -> Float32[np.ndarray, " P"]:
  """Radians per position of each pair of a head: theta^(-2i/D).

  Made on the host, f32, in the order of operations in which the published
  weights were trained: a last bit that differs turns a pair at position
  30,000 by 2e-3. Powers are taken in f64 and rounded, so that every host
  compiles the same constants.
  """
  exponent = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
  base = np.float64(np.float32(theta))
  wavelength = (base ** exponent.astype(np.float64)).astype(np.float32)
  trained = np.float32(1) / wavelength
  if yarn is None:
    return trained
  stretched = np.float32(1) / (np.float32(yarn.factor) * wavelength)
  kept = np.float32(1) - _ramp(dim, theta, yarn)
  return stretched * (np.float32(1) - kept) + trained * kept


def attention_factor(yarn: config.Yarn | None) -> float:
  """What scales cosine and sine, and so the logits by its square.

  0.1 ln(factor) + 1 unless given (YaRN, arXiv 2309.00071, equation 22).
  """
  if yarn is None:
    return 1.0
  if yarn.attention_factor is not None:
    return yarn.attention_factor
  return 0.1 * math.log(yarn.factor) + 1.0 if yarn.factor > 1 else 1.0


def _ramp(
  dim: int, theta: float, yarn: config.Yarn
) -> Float32[np.ndarray, " P"]:
  """How much each pair is stretched, 0 to 1 (YaRN, section 3.2).

  Pairs which turn more than `beta_fast` times within the positions trained on
  keep their frequency; those which turn less than `beta_slow` times get the
  stretched one.
  """

  def pair(turns: float) -> float:
    reach = math.log(yarn.original_positions / (turns * 2 * math.pi))
    return dim * reach / (2 * math.log(theta))

  first, last = pair(yarn.beta_fast), pair(yarn.beta_slow)
  if yarn.truncated:
    first, last = math.floor(first), math.ceil(last)
  first, last = max(first, 0), min(last, dim - 1)
  width = 0.001 if first == last else last - first
  pairs = np.arange(dim // 2, dtype=np.float32)
  return np.clip((pairs - np.float32(first)) / np.float32(width), 0, 1)


def rope(
  x: Float[Array, "B T H D"],
  positions: Int[Array, "B T"],
  frequency: Float32[np.ndarray, " P"],
  scale: float = 1.0,
) -> Float[Array, "B T H D"]:
  """Turns each pair (i, i + D/2) of a head by position * frequency[i].

  Angles and rotation are f32: in bf16 neighbouring positions beyond 256
  would get the same angle. `scale` is YaRN's attention factor.
  """
  angle = positions[..., None].astype(jnp.float32) * frequency
  cos = (jnp.cos(angle) * scale)[:, :, None]
  sin = (jnp.sin(angle) * scale)[:, :, None]
  a, b = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  turned = jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
  return turned.astype(x.dtype)
