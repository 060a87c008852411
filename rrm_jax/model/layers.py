"""One layer of the Qwen2 decoder (arXiv 2407.10671), in Flax Linen.

Letters: B rows, T tokens, S keys, D width, H heads, K KV heads.
"""

import functools
import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
from flax import linen as nn

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.model import kv_cache
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.ops.attention import attend
from rrm_jax.ops.causal_attention import attend_rows
from rrm_jax.ops.products import times_transposed
from rrm_jax.ops.rope import attention_factor, frequencies, rope
from rrm_jax.ops.shared_attention import Shared, attend_shared
from rrm_jax.sharding import Layout


def param(
  module: nn.Module,
  name: str,
  init: Callable,
  axes: tuple[str, ...],
  shape: tuple[int, ...],
) -> jax.Array:
  """A parameter with named axes: f32, and boxed with the names at init."""
  made = module.param(name, nn.with_partitioning(init, axes), shape)
  return cast(jax.Array, made)


class Linear(nn.Module):
  """x W + b over the last `contracted` dimensions of x.

  The product is of two matrices: left to itself, XLA differentiates the
  three-dimensional form into a contraction over two dimensions, slow on CPUs.
  A sampler's weights may be `transposed`.
  """

  features: tuple[int, ...]
  axes: tuple[str, ...]
  contracted: int = 1
  biased: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """x to x W + b."""
    batch, inner = x.shape[: -self.contracted], x.shape[-self.contracted :]
    fan_in = math.prod(inner)
    flat = x.reshape(-1, fan_in)
    if self.has_variable("params", "transposed"):
      weights: jax.Array = self.get_variable("params", "transposed")
      y = times_transposed(flat, weights.astype(x.dtype).reshape(-1, fan_in))
    else:
      normal = nn.initializers.normal(fan_in**-0.5)
      shape = (*inner, *self.features)
      kernel = param(self, "kernel", normal, self.axes, shape)
      y = flat @ kernel.astype(x.dtype).reshape(fan_in, -1)
    y = y.reshape(*batch, *self.features)
    if self.biased:
      zeros, axes = nn.initializers.zeros, self.axes[self.contracted :]
      bias = param(self, "bias", zeros, axes, self.features)
      y += bias.astype(x.dtype)
    return y


def transposed(block: Params) -> Params:
  """A block's parameters with the features of each `Linear` first.

  Its products are then `ops.products.times_transposed`, and it is not trained.
  """

  def one(name: str, linear: Params) -> Params:
    contracted = 2 if name == "o" else 1  # see `Attention`
    kernel = linear["kernel"]
    axes = (*range(contracted, kernel.ndim), *range(contracted))
    rest = {k: v for k, v in linear.items() if k != "kernel"}
    return rest | {"transposed": kernel.transpose(axes)}

  attention, mlp = (
    {name: one(name, linear) for name, linear in block[part].items()}
    for part in ("attention", "mlp")
  )
  return block | {"attention": attention, "mlp": mlp}


class RMSNorm(nn.Module):
  """x / rms(x) * scale (arXiv 1910.07467), the mean square in f32."""

  eps: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Each token's vector, normed."""
    ones = nn.initializers.ones
    scale = param(self, "scale", ones, ("embed",), (x.shape[-1],))
    wide = x.astype(jnp.float32)
    wide *= jax.lax.rsqrt(jnp.mean(wide**2, -1, keepdims=True) + self.eps)
    return wide.astype(x.dtype) * scale.astype(x.dtype)


class Attention(nn.Module):
  """Grouped-query attention with rotary positions and biased q, k, v."""

  cfg: config.Model
  layout: Layout | None = None

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    cache: KVCache | None,
    layer: int | jax.Array,
    positions: jax.Array,
    mask: jax.Array | Shared | None,
  ) -> tuple[jax.Array, KVCache | None]:
    """What each token gathers, and the cache with these tokens.

    Without a mask the rows begin here: a token sees the columns up to its own.
    """
    cfg = self.cfg
    heads = (cfg.num_heads, cfg.head_dim)
    kv_heads = (cfg.num_kv_heads, cfg.head_dim)
    kv_axes = ("embed", "kv_heads", "head_dim")
    q = Linear(heads, ("embed", "heads", "head_dim"), biased=True, name="q")(x)
    k = Linear(kv_heads, kv_axes, biased=True, name="k")(x)
    v = Linear(kv_heads, kv_axes, biased=True, name="v")(x)
    turned = functools.partial(
      rope,
      frequency=frequencies(cfg.head_dim, cfg.rope_theta, cfg.yarn),
      scale=attention_factor(cfg.yarn),
    )
    q = turned(q, positions)
    bias = None
    if cache is not None and cache.key_scales is not None:
      # The bias of Qwen2's keys may dwarf what varies from token to token, and
      # would set the step of int8 numbers; so it stays out of them.
      bias = self.variables["params"]["k"]["bias"].astype(k.dtype)
    if cache is not None:
      stored = turned(k if bias is None else k - bias, positions)
      cache = kv_cache.write(cache, layer, positions, stored, v, self.layout)
    if mask is None:
      out = attend_rows(q, turned(k, positions), v, self.layout)
    elif isinstance(mask, Shared):
      out = attend_shared(q, turned(k, positions), v, mask, self.layout)
    elif cache is None:
      k = turned(k, positions)
      out = attend(q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), mask)
    else:
      seen, scaled = kv_cache.read(cache, layer, mask.shape[-1]), None
      if bias is not None:
        places = jnp.arange(mask.shape[-1])[None]
        common = turned(
          jnp.broadcast_to(bias, places.shape + bias.shape), places
        )
        scaled = seen.scaled(common[0])
      few = q.shape[1] == 1 and isinstance(cache.keys, tuple)
      out = attend(q, seen.keys, seen.values, mask, scaled, keys_first=few)
    out = Linear(
      (cfg.embed_dim,), ("heads", "head_dim", "embed"), contracted=2, name="o"
    )(out)
    return out, cache


class MLP(nn.Module):
  """SwiGLU: down(silu(gate(x)) * up(x)) (arXiv 2002.05202)."""

  cfg: config.Model

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Each token's vector, transformed on its own."""
    inner, axes = (self.cfg.mlp_dim,), ("embed", "mlp")
    gate = Linear(inner, axes, name="gate")(x)
    up = Linear(inner, axes, name="up")(x)
    return Linear((self.cfg.embed_dim,), ("mlp", "embed"), name="down")(
      nn.silu(gate) * up
    )


class Block(nn.Module):
  """One layer: pre-norm attention, pre-norm MLP, both residual."""

  cfg: config.Model
  layout: Layout | None

  @nn.compact
  def __call__(
    self,
    carry: tuple[jax.Array, KVCache | None, int | jax.Array],
    positions: jax.Array,
    mask: jax.Array | Shared | None,
    near: jax.Array | None = None,
  ) -> tuple[tuple[jax.Array, KVCache | None, int | jax.Array], None]:
    """The carry after this layer; the second result is scan's and unused."""
    x, cache, layer = carry
    if near is not None:  # what layers with a sliding window see
      mask = cast(jax.Array, mask)
      slides = jnp.isin(layer, jnp.array(self.cfg.sliding_layers))
      mask = jnp.where(slides, near, mask)
    with jax.named_scope("attention"):
      y = RMSNorm(self.cfg.norm_eps, name="attention_norm")(x)
      y, cache = Attention(self.cfg, self.layout, name="attention")(
        y, cache, layer, positions, mask
      )
    x = x + y
    with jax.named_scope("mlp"):
      y = RMSNorm(self.cfg.norm_eps, name="mlp_norm")(x)
      x = x + MLP(self.cfg, name="mlp")(y)
    if self.layout is not None:
      x = self.layout.constrain(x, "batch", "length", None)
    return (x, cache, layer + 1), None
