"""Small models, meshes and batches for the tests of the device code."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

from rrm_jax import config, sharding
from rrm_jax.batches import Params
from rrm_jax.model import qwen2
from rrm_jax.ops import filters
from rrm_jax.sampling import budget, engine
from rrm_jax.sampling.budget import CHOICE, Script
from rrm_jax.sharding import MESH_AXES, Layout, put
from tests.rollouts import Prompts, Rollout, rollout

# Cuts evenly over every mesh of the tests: fsdp up to 8, tensor up to 2.
MODEL = config.Model(
  vocab_size=64,
  embed_dim=32,
  mlp_dim=48,
  num_layers=2,
  num_heads=4,
  num_kv_heads=2,
  head_dim=8,
  rope_theta=1e4,
)
SAMPLING = config.Sampling(max_new_tokens=12)
SAMPLES = 2
LIMITS = config.Engine()
MESHES = [(1, 8, 1), (1, 4, 2), (2, 2, 2), (1, 1, 1)]

CLOSING_TAG, STOP, OTHER_STOP = 60, 61, 62
CHOICES = (7, 9)
SCRIPT = (CLOSING_TAG, 20, 21, CHOICE, 22, STOP)


def layout(data: int = 1, fsdp: int = 1, tensor: int = 1) -> Layout:
  """A mesh over the first devices, as many as it takes."""
  return Layout(
    jax.make_mesh(
      (data, fsdp, tensor),
      MESH_AXES,
      axis_types=(AxisType.Auto,) * 3,
      devices=jax.devices()[: data * fsdp * tensor],
    )
  )


shapes = functools.cache(qwen2.abstract)


def params(cfg: config.Model = MODEL, seed: int = 0) -> Params:
  """Host arrays; biases and scales are random too, logits about unit size."""
  rng = np.random.default_rng(seed)

  def fill(path: tuple, x: jax.ShapeDtypeStruct) -> np.ndarray:
    noise = rng.standard_normal(x.shape).astype(np.float32)
    name = path[-1].key
    if name == "scale":
      return 1 + 0.3 * noise
    if name == "bias":
      return 0.3 * noise
    if name == "embedding":
      return noise * (cfg.embed_dim**-0.5 if cfg.tied_embeddings else 1.0)
    if name == "unembedding":
      return noise * cfg.embed_dim**-0.5
    # Layer, then what is contracted: two dimensions of "o", one elsewhere.
    contracted = x.shape[1:3] if path[-2].key == "o" else x.shape[1:2]
    return noise * math.prod(contracted) ** -0.5

  return jax.tree_util.tree_map_with_path(fill, shapes(cfg))


def placed(tree: Params, over: Layout, cfg: config.Model = MODEL) -> Params:
  """Parameters cut over a mesh as the rules say."""
  return put(tree, shardings(over, cfg))


@functools.cache
def shardings(over: Layout, cfg: config.Model) -> Params:
  """How the parameters are cut."""
  return over.shardings(qwen2.logical_axes(cfg), shapes(cfg))


def single(tree: Params) -> Params:
  """Parameters on one device."""
  return jax.tree.map(jnp.asarray, tree)


def prompts(
  lengths: tuple[int, ...], columns: int, seed: int = 0, vocab: int = 56
) -> Prompts:
  """Random prompts as host arrays; ids below `vocab` stop or close nothing."""
  rng = np.random.default_rng(seed)
  rows = len(lengths)
  tokens = rng.integers(0, vocab, (rows, columns)).astype(np.int32)
  length = np.array(lengths, np.int32)
  return Prompts(
    np.where(np.arange(columns) < length[:, None], tokens, 0),
    length,
    rng.integers(0, 2**32, rows, np.uint32),
    np.ones(rows, bool),
  )


def take(batch: Prompts, rows: list[int]) -> Prompts:
  """Some rows of a batch, in the order given."""
  return jax.tree.map(lambda x: x[np.array(rows)], batch)


def script() -> Script:
  """What the tests' thinking budget forces, as host arrays."""
  return Script(
    np.array(SCRIPT, np.int32),
    np.array(CHOICES, np.int32),
    np.array(CLOSING_TAG, np.int32),
    np.array([STOP, OTHER_STOP], np.int32),
  )


def variant(**changes: object) -> config.Model:
  """The tests' model with some fields changed."""
  return dataclasses.replace(MODEL, **changes)  # type: ignore[arg-type]


def asked(
  prompts: Prompts,
  samples: int = SAMPLES,
  room: int = SAMPLING.max_new_tokens,
  limit: int = budget.UNLIMITED,
) -> list[engine.Request]:
  """The engine's requests for the active ones of some prompts."""
  return [
    engine.Request(
      prompts.tokens[row, : prompts.length[row]].tolist(),
      int(prompts.prompt_id[row]),
      number,
      room,
      limit,
    )
    for row in np.flatnonzero(prompts.active)
    for number in range(samples)
  ]


def sampler(
  over: Layout | None = None,
  sampling: config.Sampling = SAMPLING,
  weights: Params | None = None,
  cfg: config.Model = MODEL,
  limits: config.Engine = LIMITS,
  halt: engine.Halt | None = None,
) -> engine.Engine:
  """An engine with the tests' script."""
  over = over or layout()
  weights = placed(params(cfg) if weights is None else weights, over, cfg)
  return engine.Engine(
    engine.prepared(weights, cfg=cfg, layout=over),
    cfg,
    filters.of(sampling),
    script(),
    over,
    limits,
    halt,
  )


def sample(
  prompts: Prompts,
  over: Layout | None = None,
  samples: int = SAMPLES,
  sampling: config.Sampling = SAMPLING,
  limit: int = budget.UNLIMITED,
  weights: Params | None = None,
  seed: int = 5,
  cfg: config.Model = MODEL,
  limits: config.Engine = LIMITS,
) -> Rollout:
  """What the engine writes, as rows."""
  run = sampler(over, sampling, weights, cfg, limits)
  requests = asked(prompts, samples, sampling.max_new_tokens, limit)
  completions = run(requests, sharding.key(seed, run.layout))
  columns = prompts.tokens.shape[1] + sampling.max_new_tokens
  return rollout([r.tokens for r in requests], completions, columns)


def completion(rollout: Rollout, row: int) -> np.ndarray:
  """The tokens after a row's prompt."""
  return rollout.tokens[row, rollout.prompt_length[row] : rollout.length[row]]
