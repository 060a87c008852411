"""The Qwen2 decoder (arXiv 2407.10671), as three pure functions.

  params = init(key, cfg)
  hidden, cache = forward(params, cfg, tokens, positions, cache=...)
  axes = logical_axes(cfg)

Flax Linen serves behind them: its scan stacks the layers, its partitioning
metadata names each parameter's axes. To everyone else parameters are a plain
nested dict, so policy, reference and rollout copy are three dicts under one
function. One scan serves training and decoding: it carries the hidden states
and, when there is one, the whole KV cache.

Letters: B rows, T tokens, S keys, D width, H heads, K KV heads, V vocabulary.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.model import kv_cache
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.ops.attention import attend, causal
from rrm_jax.ops.rope import attention_factor, frequencies, rope
from rrm_jax.sharding import Layout


def _param(
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
    normal = nn.initializers.normal(fan_in**-0.5)
    shape = (*inner, *self.features)
    kernel = _param(self, "kernel", normal, self.axes, shape)
    y = x.reshape(-1, fan_in) @ kernel.astype(x.dtype).reshape(fan_in, -1)
    y = y.reshape(*batch, *self.features)
    if self.biased:
      zeros, axes = nn.initializers.zeros, self.axes[self.contracted :]
      bias = _param(self, "bias", zeros, axes, self.features)
      y += bias.astype(x.dtype)
    return y


class RMSNorm(nn.Module):
  """x / rms(x) * scale (arXiv 1910.07467), the mean square in f32."""

  eps: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Each token's vector, normed."""
    ones = nn.initializers.ones
    scale = _param(self, "scale", ones, ("embed",), (x.shape[-1],))
    wide = x.astype(jnp.float32)
    wide *= jax.lax.rsqrt(jnp.mean(wide**2, -1, keepdims=True) + self.eps)
    return wide.astype(x.dtype) * scale.astype(x.dtype)


class Attention(nn.Module):
  """Grouped-query attention with rotary positions and biased q, k, v."""

  cfg: config.Model

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    cache: KVCache | None,
    layer: jax.Array,
    positions: jax.Array,
    mask: jax.Array,
  ) -> tuple[jax.Array, KVCache | None]:
    """What each token gathers, and the cache with these tokens."""
    cfg = self.cfg
    heads = (cfg.num_heads, cfg.head_dim)
    kv_heads = (cfg.num_kv_heads, cfg.head_dim)
    kv_axes = ("embed", "kv_heads", "head_dim")
    q = Linear(heads, ("embed", "heads", "head_dim"), biased=True, name="q")(x)
    k = Linear(kv_heads, kv_axes, biased=True, name="k")(x)
    v = Linear(kv_heads, kv_axes, biased=True, name="v")(x)
    frequency = frequencies(cfg.head_dim, cfg.rope_theta, cfg.yarn)
    scale = attention_factor(cfg.yarn)
    q = rope(q, positions, frequency, scale)
    k = rope(k, positions, frequency, scale)
    if cache is None:
      keys, values = k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3)
    else:
      cache = kv_cache.write(cache, layer, positions, k, v)
      keys, values = kv_cache.read(cache, layer)
    out = attend(q, keys, values, mask)
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
    carry: tuple[jax.Array, KVCache | None, jax.Array],
    positions: jax.Array,
    mask: jax.Array,
    near: jax.Array | None = None,
  ) -> tuple[tuple[jax.Array, KVCache | None, jax.Array], None]:
    """The carry after this layer; the second result is scan's and unused."""
    x, cache, layer = carry
    if near is not None:  # what layers with a sliding window see
      slides = jnp.isin(layer, jnp.array(self.cfg.sliding_layers))
      mask = jnp.where(slides, near, mask)
    with jax.named_scope("attention"):
      y = RMSNorm(self.cfg.norm_eps, name="attention_norm")(x)
      y, cache = Attention(self.cfg, name="attention")(
        y, cache, layer, positions, mask
      )
    x = x + y
    with jax.named_scope("mlp"):
      y = RMSNorm(self.cfg.norm_eps, name="mlp_norm")(x)
      x = x + MLP(self.cfg, name="mlp")(y)
    if self.layout is not None:
      x = self.layout.constrain(x, "batch", "length", None)
    return (x, cache, layer + 1), None


class Decoder(nn.Module):
  """Embedding, the scan over layers, the final norm."""

  cfg: config.Model
  layout: Layout | None = None

  @nn.compact
  def __call__(
    self,
    tokens: jax.Array,
    positions: jax.Array,
    mask: jax.Array,
    near: jax.Array | None,
    cache: KVCache | None,
  ) -> tuple[jax.Array, KVCache | None]:
    """Hidden states after the final norm, and the cache."""
    cfg = self.cfg
    normal, shape = nn.initializers.normal, (cfg.vocab_size, cfg.embed_dim)
    embedding = _param(
      self, "embedding", normal(0.02), ("vocab", "embed"), shape
    )
    if not cfg.tied_embeddings:
      scaled = normal(cfg.embed_dim**-0.5)
      _param(self, "unembedding", scaled, ("embed", "vocab"), shape[::-1])
    x = embedding[tokens].astype(cfg.compute_dtype)
    if self.layout is not None:
      x = self.layout.constrain(x, "batch", "length", None)
    block = Block
    if cfg.remat == "full":
      block = nn.remat(Block, prevent_cse=False)
    layers = nn.scan(
      block,
      variable_axes={"params": 0},
      split_rngs={"params": True},
      in_axes=nn.broadcast,
      length=cfg.num_layers,
      metadata_params={nn.PARTITION_NAME: "layers"},
    )(cfg, self.layout, name="layers")
    (x, cache, _), _ = layers((x, cache, jnp.int32(0)), positions, mask, near)
    return RMSNorm(cfg.norm_eps, name="final_norm")(x), cache


def _boxed(key: PRNGKeyArray, cfg: config.Model) -> Any:
  one = jnp.zeros((1, 1), jnp.int32)
  mask = jnp.ones((1, 1, 1), bool)
  return Decoder(cfg).init(key, one, one, mask, None, None)["params"]


def init(key: PRNGKeyArray, cfg: config.Model) -> Params:
  """Random f32 parameters: normal, of variance 1 / fan-in.

  The embedding's deviation is 0.02, as published Qwen2 weights begin with.
  """
  return nn.meta.unbox(_boxed(key, cfg))


def abstract(cfg: config.Model) -> Params:
  """The parameters' shapes and dtypes, without any memory."""
  return jax.eval_shape(lambda: init(jax.random.key(0), cfg))


def logical_axes(cfg: config.Model) -> Params:
  """For each parameter the names of its dimensions, as a tuple."""
  boxed = jax.eval_shape(lambda: _boxed(jax.random.key(0), cfg))
  return jax.tree.map(
    lambda box: tuple(box.names),
    boxed,
    is_leaf=lambda x: isinstance(x, nn.Partitioned),
  )


def forward(
  params: Params,
  cfg: config.Model,
  tokens: Int[Array, "B T"],
  positions: Int[Array, "B T"] | None = None,
  *,
  valid: Bool[Array, "B T"] | None = None,
  cache: KVCache | None = None,
  layout: Layout | None = None,
) -> tuple[Float[Array, "B T D"], KVCache | None]:
  """Hidden states after the final norm; logits are `hidden @ unembedding`.

  Args:
    params: As `init` makes them.
    cfg: The model's shape.
    tokens: Ids.
    positions: Rotary positions, by default the columns. With a cache also
      the slots that the tokens are written to.
    valid: Tokens that may be attended to, by default all. Only rows padded
      on the left need it, as causal order hides padding on the right.
    cache: What the rows have read already. A token sees every slot up to its
      own position. Without a cache a token sees the columns up to its own.
      In `cfg.sliding_layers` it sees the last `cfg.sliding_window` of them.
    layout: How activations are cut over devices; None on one device.

  Returns:
    The hidden states and the cache with these tokens written to it.
  """
  rows, columns = tokens.shape
  column = jnp.broadcast_to(jnp.arange(columns), (rows, columns))
  positions = column if positions is None else positions
  assert cache is None or valid is None, "rows with a cache are compact"

  def mask(window: int | None) -> jax.Array:
    if cache is not None:
      return causal(positions, jnp.arange(cache.slots)[None], window)
    seen = causal(column, column, window)
    return seen if valid is None else seen & valid[:, None, :]

  near = mask(cfg.sliding_window) if cfg.sliding_layers else None
  out = Decoder(cfg, layout).apply(
    {"params": params}, tokens, positions, mask(None), near, cache
  )
  return cast(tuple[jax.Array, KVCache | None], out)


def unembedding(params: Params, cfg: config.Model) -> Float[Array, "D V"]:
  """The matrix from hidden states to logits, in the compute dtype."""
  if cfg.tied_embeddings:
    return params["embedding"].T.astype(cfg.compute_dtype)
  return params["unembedding"].astype(cfg.compute_dtype)
