"""Our rungs beside the peer's, each given the peer's input."""

import functools
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.model import kv_cache, qwen2
from rrm_jax.model import layers as qwen2_layers
from rrm_jax.ops.attention import causal
from tools.check_parity import peer
from tools.check_parity.peer import Seen

TOLERANCE = 1e-4
DECODED = 8
# Ours, by transformers' name, in the order in which a layer computes them.
_PARTS = {
  "attention_norm": "input_layernorm",
  "attention": "self_attn",
  "mlp_norm": "post_attention_layernorm",
  "mlp": "mlp",
}


class Rung(NamedTuple):
  """How far a part is from the peer's.

  Attributes:
    name: The part's.
    largest: Of single differences, the largest.
    relative: Largest over tokens of |ours - theirs| / |theirs|.
    running: The same from end to end, where there is such a thing.
  """

  name: str
  largest: float
  relative: float
  running: float | None = None

  @property
  def off(self) -> bool:
    """Whether the difference is more than rounding; NaN is."""
    return not self.relative <= TOLERANCE


class Ours(NamedTuple):
  """Our model, and the tokens that it is to read."""

  params: Params
  cfg: config.Model
  tokens: jax.Array


@functools.partial(jax.jit, static_argnames="cfg")
def _block(
  layers: Params, x: jax.Array, layer: jax.Array, cfg: config.Model
) -> jax.Array:
  one = jax.tree.map(lambda w: w[layer], layers)
  at, near = _masks(x, cfg)
  block = qwen2_layers.Block(cfg, None)
  (x, _, _), _ = block.apply(
    {"params": one}, (x, None, layer), _positions(x), at, near
  )
  return x


def _positions(x: jax.Array) -> jax.Array:
  return jnp.arange(x.shape[1])[None]


def _masks(
  x: jax.Array, cfg: config.Model
) -> tuple[jax.Array, jax.Array | None]:
  """What a token sees, and what it sees in layers that slide."""
  at = _positions(x)
  near = causal(at, at, cfg.sliding_window) if cfg.sliding_layers else None
  return causal(at, at), near


@functools.partial(jax.jit, static_argnames=("cfg", "part", "slides"))
def _part(
  params: Params, x: jax.Array, cfg: config.Model, part: str, slides: bool
) -> jax.Array:
  """One part of a layer."""
  if part == "mlp":
    return cast(jax.Array, qwen2_layers.MLP(cfg).apply({"params": params}, x))
  if part == "attention":
    at, near = _masks(x, cfg)
    mask = near if slides and near is not None else at
    return qwen2_layers.Attention(cfg).apply(
      {"params": params}, x, None, jnp.int32(0), _positions(x), mask
    )[0]
  norm = qwen2_layers.RMSNorm(cfg.norm_eps)
  return cast(jax.Array, norm.apply({"params": params}, x))


def _compare(name: str, ours: Any, theirs: np.ndarray) -> Rung:
  ours = np.asarray(ours, np.float64).reshape(theirs.shape)
  difference = ours - theirs
  largest = float(np.abs(difference).max())
  size = np.linalg.norm(theirs.astype(np.float64), axis=-1)
  apart = np.linalg.norm(difference, axis=-1)
  return Rung(name, largest, float((apart / np.maximum(size, 1e-30)).max()))


def ladder(ours: Ours, model: Any) -> list[Rung]:
  """Every rung from the embedding to cached decoding."""
  params, cfg, tokens = ours
  seen, logits = peer.read(model, np.asarray(tokens))
  x = params["embedding"][tokens]
  rungs = [_compare("embedding", x, seen.out["model.embed_tokens"])]
  for i in range(cfg.num_layers):
    name, layer = f"model.layers.{i}", jnp.int32(i)
    made = _block(params["layers"], seen.into[name], layer, cfg)
    x = _block(params["layers"], x, layer, cfg)
    rungs.append(_running(f"layer {i}", made, x, seen.out[name]))
  norm = functools.partial(
    _part, params["final_norm"], cfg=cfg, part="final_norm", slides=False
  )
  unembedding = qwen2.unembedding(params, cfg)
  rungs += [
    _running(
      "final norm", norm(seen.into["model.norm"]), norm(x),
      seen.out["model.norm"],
    ),
    _running(
      "logits", seen.out["model.norm"] @ unembedding, norm(x) @ unembedding,
      logits[None],
    ),
    _decoding(ours, model),
  ]  # fmt: skip
  return rungs


def _running(name: str, made: Any, x: Any, theirs: np.ndarray) -> Rung:
  running = _compare(name, x, theirs).relative
  return _compare(name, made, theirs)._replace(running=running)


def _decoding(ours: Ours, model: Any) -> Rung:
  """Our cached path, given the peer's greedy tokens one by one."""
  params, cfg, tokens = ours
  said, theirs = peer.decode(model, np.asarray(tokens), DECODED)
  unembedding = qwen2.unembedding(params, cfg)
  length = tokens.shape[1]
  cache = kv_cache.empty(cfg, 1, length + len(said))
  forward = jax.jit(qwen2.forward, static_argnames="cfg")
  hidden, cache = forward(params, cfg, tokens, cache=cache)
  rows = [hidden[0, -1] @ unembedding]
  for i, token in enumerate(said[:-1]):
    now = jnp.full((1, 1), length + i)
    hidden, cache = forward(
      params, cfg, jnp.full((1, 1), token), now, cache=cache
    )
    rows.append(hidden[0, -1] @ unembedding)
  return _compare("cached decoding", jnp.stack(rows), theirs)


def faulty_part(ours: Ours, seen: Seen, layer: int) -> Rung:
  """The first part of a layer that is off, or the worst if none is."""
  params, cfg, _ = ours
  rungs = []
  for part, name in _PARTS.items():
    place = f"model.layers.{layer}.{name}"
    one = jax.tree.map(lambda w: w[layer], params["layers"][part])
    slides = layer in cfg.sliding_layers
    made = _part(one, seen.into[place], cfg, part, slides)
    rungs.append(_compare(part, made, seen.out[place]))
  return next((r for r in rungs if r.off), max(rungs, key=lambda r: r.relative))
