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

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.model.layers import Block, RMSNorm, param, transposed
from rrm_jax.ops.attention import causal
from rrm_jax.ops.products import times_transposed
from rrm_jax.ops.shared_attention import Shared
from rrm_jax.sharding import Layout

# What a layer keeps for the gradient.
_KEPT = {
  "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
  "full": jax.checkpoint_policies.nothing_saveable,
}


class Decoder(nn.Module):
  """Embedding, the scan over layers, the final norm."""

  cfg: config.Model
  layout: Layout | None = None

  @nn.compact
  def __call__(
    self,
    tokens: jax.Array,
    positions: jax.Array,
    mask: jax.Array | Shared | None,
    near: jax.Array | None,
    cache: KVCache | None,
  ) -> tuple[jax.Array, KVCache | None]:
    """Hidden states after the final norm, and the cache."""
    cfg = self.cfg
    normal, shape = nn.initializers.normal, (cfg.vocab_size, cfg.embed_dim)
    embedding = param(
      self, "embedding", normal(0.02), ("vocab", "embed"), shape
    )
    if not cfg.tied_embeddings:
      scaled = normal(cfg.embed_dim**-0.5)
      param(self, "unembedding", scaled, ("embed", "vocab"), shape[::-1])
    x = embedding[tokens].astype(cfg.compute_dtype)
    if self.layout is not None:
      x = self.layout.constrain(x, "batch", "length", None)
    block = Block
    if cfg.remat != "none":
      block = nn.remat(Block, prevent_cse=False, policy=_KEPT[cfg.remat])
    # On CPUs a loop copies all that is kept for the gradient into stacks and
    # out of them. Where layers are made again it has to be a loop; and in bf16,
    # as XLA leaves out roundings between layers apart that the sampler has.
    on_cpu = self.layout is not None and self.layout.platform == "cpu"
    apart = on_cpu and cfg.remat == "none" and cfg.compute_dtype == "float32"
    layers = nn.scan(
      block,
      variable_axes={"params": 0},
      split_rngs={"params": True},
      in_axes=nn.broadcast,
      length=cfg.num_layers,
      unroll=cfg.num_layers if apart else 1,
      metadata_params={nn.PARTITION_NAME: "layers"},
    )(cfg, self.layout, name="layers")
    (x, cache, _), _ = layers((x, cache, jnp.int32(0)), positions, mask, near)
    return RMSNorm(cfg.norm_eps, name="final_norm")(x), cache


def _boxed(key: PRNGKeyArray, cfg: config.Model) -> Any:
  one = jnp.zeros((1, 1), jnp.int32)
  mask = jnp.ones((1, 1, 1), bool)
  return Decoder(cfg).init(key, one, one, mask, None, None)["params"]


@functools.cache  # tracing takes a tenth of a second
def _boxes(cfg: config.Model) -> Any:
  """The parameters' shapes with the names of their dimensions."""
  return jax.eval_shape(lambda: _boxed(jax.random.key(0), cfg))


def init(key: PRNGKeyArray, cfg: config.Model) -> Params:
  """Random f32 parameters: normal, of variance 1 / fan-in.

  The embedding's deviation is 0.02, as published Qwen2 weights begin with.
  """
  return nn.meta.unbox(_boxed(key, cfg))


def abstract(cfg: config.Model) -> Params:
  """The parameters' shapes and dtypes, without any memory."""
  return nn.meta.unbox(_boxes(cfg))


def logical_axes(cfg: config.Model) -> Params:
  """For each parameter the names of its dimensions, as a tuple."""
  return jax.tree.map(
    lambda box: tuple(box.names),
    _boxes(cfg),
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
  live: int | None = None,
  shared: Shared | None = None,
  layout: Layout | None = None,
) -> tuple[Float[Array, "B T D"], KVCache | None]:
  """Hidden states after the final norm; logits are `hidden @ unembedding`.

  Args:
    params: As `init` makes them.
    cfg: The model's shape.
    tokens: Ids.
    positions: Rotary positions; with a cache also the slots that the tokens
      are written to. By default the columns: the rows begin here, a cache is
      filled but not read.
    valid: Tokens that may be attended to, by default all. Only rows padded
      on the left need it, as causal order hides padding on the right.
    live: With a cache, how many of its slots to look at; all by default.
    cache: What the rows have read already. A token sees every slot up to its
      own position. Where rows begin, it sees the columns up to its own.
      In `cfg.sliding_layers` it sees the last `cfg.sliding_window` of them.
    shared: Without a cache: a row is a prompt and all its completions, whose
      positions go on from the prompt's last.
    layout: How activations are cut over devices; None on one device.

  Returns:
    The hidden states and the cache with these tokens written to it.
  """
  rows, columns = tokens.shape
  column = jnp.broadcast_to(jnp.arange(columns), (rows, columns))
  begin = positions is None
  positions = column if positions is None else positions
  assert cache is None or valid is None, "rows with a cache are compact"
  assert shared is None or not cfg.sliding_layers, "no windows into a prompt"

  def mask(window: int | None) -> jax.Array | Shared | None:
    if shared is not None:
      return shared
    if begin and valid is None and not cfg.sliding_layers:
      return None
    if cache is not None:
      slots = columns if begin else live or cache.slots
      return causal(positions, jnp.arange(slots)[None], window)
    seen = causal(column, column, window)
    return seen if valid is None else seen & valid[:, None, :]

  near = None
  if cfg.sliding_layers:
    near = cast(jax.Array, mask(cfg.sliding_window))
  if isinstance(params["layers"], tuple):
    return _unrolled(
      params, cfg, tokens, positions, mask(None), near, cache, layout
    )
  out = Decoder(cfg, layout).apply(
    {"params": params}, tokens, positions, mask(None), near, cache
  )
  return cast(tuple[jax.Array, KVCache | None], out)


def _unrolled(
  params: Params,
  cfg: config.Model,
  tokens: jax.Array,
  positions: jax.Array,
  mask: jax.Array | Shared | None,
  near: jax.Array | None,
  cache: KVCache | None,
  layout: Layout | None,
) -> tuple[jax.Array, KVCache | None]:
  """`Decoder` on the parameters that `unstacked` makes, layer after layer."""
  x = params["embedding"][tokens].astype(cfg.compute_dtype)
  if layout is not None:
    x = layout.constrain(x, "batch", "length", None)
  for i, layer in enumerate(params["layers"]):
    (x, cache, _), _ = Block(cfg, layout).apply(
      {"params": layer}, (x, cache, i), positions, mask, near
    )
    # Rounded here as the scan's carry is, not where the compiler fuses.
    x = jax.lax.optimization_barrier(x)
  norm = RMSNorm(cfg.norm_eps)
  out = norm.apply({"params": params["final_norm"]}, x)
  return cast(jax.Array, out), cache


def unstacked(
  params: Params, cfg: config.Model, transpose: bool = False
) -> Params:
  """The parameters with a tuple of layers in place of the stacks.

  Args:
    params: As `init` makes them.
    cfg: The model's shape.
    transpose: Lays them out for products with few rows on CPUs, for `logits`
      too. Unless it is tied there is then no `unembedding`.
  """
  leaves, tree = jax.tree.flatten(params["layers"])
  layers = [
    jax.tree.unflatten(tree, [x[i] for x in leaves])
    for i in range(cfg.num_layers)
  ]
  if not transpose:
    return params | {"layers": tuple(layers)}
  out = params | {"layers": tuple(map(transposed, layers))}
  if not cfg.tied_embeddings:
    out["words"] = out.pop("unembedding").T
  return out


def unembedding(params: Params, cfg: config.Model) -> Float[Array, "D V"]:
  """The matrix from hidden states to logits, in the compute dtype."""
  if cfg.tied_embeddings:
    return params["embedding"].T.astype(cfg.compute_dtype)
  return params["unembedding"].astype(cfg.compute_dtype)


def logits(
  params: Params, cfg: config.Model, hidden: Float[Array, "N D"]
) -> Float[Array, "N V"]:
  """Of a few tokens, in f32 whatever is computed in.

  Args:
    params: As `init` or `unstacked` makes them.
    cfg: The model's shape.
    hidden: After the final norm.
  """
  layers = params["layers"]
  if isinstance(layers, tuple) and "transposed" in layers[0]["mlp"]["up"]:
    words = params["embedding" if cfg.tied_embeddings else "words"]
    return times_transposed(hidden, words.astype(hidden.dtype), "float32")
  return jnp.dot(
    hidden, unembedding(params, cfg), preferred_element_type=jnp.float32
  )
