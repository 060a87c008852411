"""The engine's programs, lowered for any devices and measured as compiled."""

import dataclasses
import math
import time
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
from rrm_jax.sampling.schedule import Admitted, Request, bucket
from rrm_jax.sharding import Layout
from tools.compile_rollout import hlo

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


@dataclasses.dataclass(frozen=True)
class Measured:
  """A compiled program; sizes are bytes on each device.

  Attributes:
    seconds: To lower and compile it.
    arguments: All that it is given.
    temp: What it needs beside arguments and results.
    aliased: Results that take the place of arguments.
    peak: The most it holds at a time.
    cache: The engine's KV cache, if it is among the arguments.
    copied: Of its keys and values, in the program or in one of its steps.
    moved: Between devices.
  """

  seconds: float
  arguments: int
  temp: int
  aliased: int
  peak: int
  cache: int
  copied: int
  moved: tuple[hlo.Collective, ...]

  @property
  def in_place(self) -> bool:
    """Whether the cache is written where it lies: no second one."""
    return self.aliased >= self.cache and not self.copied


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
  """Compiles one of `NAMES`."""
  begun = time.perf_counter()
  compiled = lowered(name, cfg, trained, limits, work).compile()
  seconds = time.perf_counter() - begun
  layout = layouts.decode_layout(trained, limits.weights, cfg)
  memory, text = compiled.memory_analysis(), compiled.as_text()
  assert memory is not None and text is not None, "this backend tells nothing"
  cache = abstract_slots(cfg, layout, limits, work).cache
  held = name in ("admit", "decode")
  return Measured(
    seconds=seconds,
    arguments=memory.argument_size_in_bytes,
    temp=memory.temp_size_in_bytes,
    aliased=memory.alias_size_in_bytes,
    peak=memory.peak_memory_in_bytes,
    cache=sum(map(_local_size, jax.tree.leaves(cache))) if held else 0,
    copied=hlo.copied(text, _local_arrays(cache)) if held else 0,
    moved=tuple(hlo.collectives(text)),
  )


def abstract_slots(
  cfg: config.Model, layout: Layout, limits: config.Engine, work: Work
) -> slots.Slots:
  """The state of the engine's slots."""
  shapes = jax.eval_shape(
    lambda: slots.idle_slots(
      cfg=cfg,
      slots=work.slots,
      columns=bucket(bucket(work.prompt) + work.new),
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


def _local_arrays(cache: kv_cache.KVCache) -> set[str]:
  """Keys and values on each device, as a program's text names them."""
  names = {"bfloat16": "bf16", "float32": "f32", "int8": "s8"}
  return {
    f"{names[str(x.dtype)]}[{','.join(map(str, _local_shape(x)))}]"
    for x in jax.tree.leaves((cache.keys, cache.values))
  }


def _local_size(x: jax.ShapeDtypeStruct) -> int:
  """Bytes on each device, without what tiles pad."""
  return math.prod(_local_shape(x)) * x.dtype.itemsize


def _local_shape(x: jax.ShapeDtypeStruct) -> tuple[int, ...]:
  assert x.sharding is not None
  return x.sharding.shard_shape(x.shape)
