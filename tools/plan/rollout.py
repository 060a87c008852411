"""The engine's programs of a job's stage, compiled for any devices."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import PyTree

from rrm_jax import config
from rrm_jax.model import kv_cache, qwen2
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.sampling import budget, decode, engine, layouts, slots
from rrm_jax.sampling.schedule import (
  LEAST_COLUMNS,
  Admitted,
  Request,
  Schedule,
  bucket,
  slot_count,
)
from rrm_jax.sharding import Layout
from tools.plan import compiled
from tools.plan.compiled import Measured, local_size

NAMES = ("prepare", "prefill", "admit", "decode")


@dataclasses.dataclass(frozen=True)
class Work:
  """What the engine is asked for.

  Attributes:
    slots: Rows that are decoded together.
    prompts: Prompts that are read together.
    prompt: Tokens of each.
    new: Room of each row.
  """

  slots: int
  prompts: int
  prompt: int
  new: int


def asked(job: config.Job, stage: config.Grpo, trained: Layout) -> Work:
  """What a step of a stage asks for, prompts at their longest."""
  layout = layouts.decode_layout(trained, job.engine.weights, job.model)
  parts, prompt = layout.batch_parts, job.data.max_prompt_tokens
  slots = slot_count(job.engine, stage.comparisons * stage.samples, parts)
  new = stage.sampling.max_new_tokens
  requests = [
    Request([0] * prompt, number, sample, new)
    for number in range(stage.comparisons)
    for sample in range(stage.samples)
  ]
  read = Schedule(requests, slots, parts).prompts()
  assert read is not None
  return Work(slots, len(read), prompt, new)


def lowered(
  name: str,
  cfg: config.Model,
  trained: Layout,
  limits: config.Engine,
  work: Work,
) -> jax.stages.Lowered:
  """One of `NAMES`, with shapes in place of arrays.

  Raises:
    ValueError: the model cannot be cut over this mesh.
  """
  layout = layouts.decode_layout(trained, limits.weights, cfg)
  if name == "prepare":
    held = _stacks(cfg, trained, "float32")
    return engine.prepared.lower(held, cfg=cfg, layout=layout)
  if name == "prefill":
    return slots.prefill.lower(
      _prepared(cfg, layout),
      _tokens(layout, work),
      cfg=cfg,
      stacked=engine.stacked(layout),
      layout=layout,
      stored=limits.kv_cache,
    )
  state = abstract_slots(cfg, layout, limits, work)
  if name == "admit":
    return slots.admit.lower(
      state,
      _prompts(cfg, layout, limits, work),
      _replicated(_admission(work), layout),
      _replicated(jax.eval_shape(lambda: jax.random.key(0)), layout),
      layout=layout,
    )
  return decode.decode.lower(
    _prepared(cfg, layout),
    state,
    _replicated(_script(), layout),
    _replicated(np.int32(0), layout),
    cfg=cfg,
    kept=UNFILTERED,
    live=state.cache.slots,
    columns=limits.columns,
    layout=layout,
  )


def measured(
  name: str,
  cfg: config.Model,
  trained: Layout,
  limits: config.Engine,
  work: Work,
) -> Measured:
  """Compiles one of `NAMES`.

  Raises:
    TooLarge: it does not fit the devices' memory.
    ValueError: the model cannot be cut over this mesh.
  """
  layout = layouts.decode_layout(trained, limits.weights, cfg)
  held = name in ("admit", "decode")
  return compiled.measured(
    name,
    lowered(name, cfg, trained, limits, work),
    trained.mesh.size,
    abstract_slots(cfg, layout, limits, work).cache if held else None,
  )


def sizes(
  cfg: config.Model, trained: Layout, limits: config.Engine, work: Work
) -> dict[str, int]:
  """Bytes on each device of the engine's weights, cache and prompts."""
  layout = layouts.decode_layout(trained, limits.weights, cfg)
  state = abstract_slots(cfg, layout, limits, work)
  return {
    "sampler": local_size(_prepared(cfg, layout)),
    "cache": local_size(state.cache),
    "prompts": local_size(_prompts(cfg, layout, limits, work)),
  }


def abstract_slots(
  cfg: config.Model, layout: Layout, limits: config.Engine, work: Work
) -> slots.Slots:
  """The state of the engine's slots."""
  shapes = jax.eval_shape(
    lambda: slots.idle_slots(
      cfg=cfg,
      slots=work.slots,
      columns=bucket(max(work.prompt + work.new, LEAST_COLUMNS)),
      stacked=engine.stacked(layout),
      layout=layout,
      stored=limits.kv_cache,
    )
  )
  return _abstract(shapes, slots.shardings(shapes, layout))


def _stacks(cfg: config.Model, layout: Layout, dtype: str) -> PyTree:
  """The parameters in a layout and a dtype."""
  shapes = qwen2.abstract(cfg)
  cut = layout.shardings(qwen2.logical_axes(cfg), shapes)
  cast = jax.tree.map(lambda x: x.update(dtype=jnp.dtype(dtype)), shapes)
  return _abstract(cast, cut)


def _prepared(cfg: config.Model, layout: Layout) -> PyTree:
  """The parameters as `engine.prepared` makes them."""
  stacks = _stacks(cfg, layout, cfg.compute_dtype)
  if engine.stacked(layout):
    return stacks

  def layer(x: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    spec = PartitionSpec(*x.sharding.spec[1:])
    cut = NamedSharding(layout.mesh, spec)
    return jax.ShapeDtypeStruct(x.shape[1:], x.dtype, sharding=cut)

  layers = (jax.tree.map(layer, stacks["layers"]),) * cfg.num_layers
  return stacks | {"layers": layers}


def _tokens(layout: Layout, work: Work) -> jax.ShapeDtypeStruct:
  shape = (work.prompts, bucket(work.prompt))
  cut = layout.named("batch", None)
  return jax.ShapeDtypeStruct(shape, jnp.int32, sharding=cut)


def _prompts(
  cfg: config.Model, layout: Layout, limits: config.Engine, work: Work
) -> kv_cache.KVCache:
  """What prefill hands to admit."""
  whole = slots.whole_rows(layout)
  shapes = jax.eval_shape(
    lambda: kv_cache.empty(
      cfg,
      work.prompts,
      bucket(work.prompt),
      engine.stacked(layout),
      limits.kv_cache,
    )
  )
  return _abstract(shapes, kv_cache.shardings(shapes, whole))


def _admission(work: Work) -> slots.Admission:
  request = Request([0], 0, 0, work.new)
  return slots.admission([Admitted(0, 0, 0)], [request], work.slots)


def _script() -> budget.Script:
  """A forced ending of ten tokens, about what the templates' have."""
  ids = np.zeros(10, np.int32)
  return budget.Script(ids, ids[:2], ids[0], ids[:2])


def _abstract(tree: PyTree, shardings: PyTree) -> Any:
  """Shapes, cut over devices."""
  return jax.tree.map(
    lambda x, cut: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=cut),
    tree,
    shardings,
  )


def _replicated(tree: PyTree, layout: Layout) -> Any:
  return _abstract(tree, jax.tree.map(lambda _: layout.replicated, tree))
