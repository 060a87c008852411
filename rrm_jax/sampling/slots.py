"""Slots, and the two programs that fill them: prefill and admit.

`prefill` reads prompts, each once; `admit` copies a prompt's cache into the
slots of its requests. A slot begins by reading its last prompt token again, at
its own place: so the prompt needs no logits and the first token is no special
case.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Int32, UInt32

from rrm_jax import config
from rrm_jax.batches import Array as AnyArray
from rrm_jax.batches import Params, pytree
from rrm_jax.model import kv_cache, qwen2
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.sampling import budget
from rrm_jax.sampling.budget import Thought
from rrm_jax.sampling.schedule import Admitted, Request
from rrm_jax.sharding import Layout


@pytree
class Slots:
  """What every slot is doing.

  Attributes:
    newest: The last token, read or written.
    last: Its position.
    start: Tokens of the prompt.
    end: The first position that is beyond the row's room.
    thinking_budget: Tokens before the closing tag.
    answer_budget: Tokens after it.
    stopped: Idle: nothing to do until the next admission.
    key: Of the row's draws.
    thought: Where its thinking stands.
    cache: What it has read.
  """

  newest: Int32[Array, " S"]
  last: Int32[Array, " S"]
  start: Int32[Array, " S"]
  end: Int32[Array, " S"]
  thinking_budget: Int32[Array, " S"]
  answer_budget: Int32[Array, " S"]
  stopped: Bool[Array, " S"]
  key: UInt32[Array, "S 2"]
  thought: Thought
  cache: KVCache


@pytree
class Admission:
  """Which requests go into which slots; S entries, the first `count` count.

  Attributes:
    count: How many.
    slot: Where to, S in the entries that do not count.
    source: The row of the prefilled prompts.
    newest: The prompt's last token.
    length: Tokens of the prompt.
    room: Tokens that may be written.
    thinking_budget: See `Slots`.
    answer_budget: See `Slots`.
    prompt_id: With the sample's number, names the row's random stream.
    sample_id: The sample's number.
  """

  count: Int32[AnyArray, ""]
  slot: Int32[AnyArray, " S"]
  source: Int32[AnyArray, " S"]
  newest: Int32[AnyArray, " S"]
  length: Int32[AnyArray, " S"]
  room: Int32[AnyArray, " S"]
  thinking_budget: Int32[AnyArray, " S"]
  answer_budget: Int32[AnyArray, " S"]
  prompt_id: UInt32[AnyArray, " S"]
  sample_id: UInt32[AnyArray, " S"]


@functools.partial(
  jax.jit,
  static_argnames=("cfg", "slots", "columns", "stacked", "layout", "stored"),
)
def idle_slots(
  *,
  cfg: config.Model,
  slots: int,
  columns: int,
  stacked: bool,
  layout: Layout,
  stored: config.Stored = "compute",
) -> Slots:
  """S slots with nothing to do and room for rows of `columns` tokens."""

  def zeros(*shape: int) -> Array:
    return jnp.zeros((slots, *shape), jnp.int32)

  made = Slots(
    newest=zeros(),
    last=zeros(),
    start=zeros(),
    end=zeros(),
    thinking_budget=zeros(),
    answer_budget=zeros(),
    stopped=jnp.ones(slots, bool),
    key=jnp.zeros((slots, 2), jnp.uint32),
    thought=budget.begin(slots),
    cache=kv_cache.empty(cfg, slots, columns, stacked, stored),
  )
  return placed(made, layout)


def placed(slots: Slots, layout: Layout) -> Slots:
  """Cut alike by all programs, or each would be compiled again."""
  return jax.lax.with_sharding_constraint(slots, shardings(slots, layout))


def shardings(slots: Slots, layout: Layout) -> Slots:
  """How slots are cut over devices: among those that hold the batch."""

  def one(x: AnyArray | KVCache) -> NamedSharding | KVCache:
    if isinstance(x, KVCache):
      return kv_cache.shardings(x, layout)
    return layout.named("batch", *(None,) * (x.ndim - 1))

  return jax.tree.map(one, slots, is_leaf=lambda x: isinstance(x, KVCache))


@functools.partial(
  jax.jit, static_argnames=("cfg", "stacked", "layout", "stored")
)
def prefill(
  params: Params,
  tokens: Int32[Array, "P Tp"],
  *,
  cfg: config.Model,
  stacked: bool,
  layout: Layout,
  stored: config.Stored = "compute",
) -> KVCache:
  """The cache after reading P prompts, on every part of the batch axis."""
  rows, columns = tokens.shape
  blank = kv_cache.empty(cfg, rows, columns, stacked, stored)
  _, cache = qwen2.forward(params, cfg, tokens, cache=blank, layout=layout)
  assert cache is not None
  return kv_cache.constrained(cache, whole_rows(layout))


@functools.partial(
  jax.jit, static_argnames=("layout",), donate_argnames=("slots",)
)
def admit(
  slots: Slots,
  prompts: KVCache,
  admission: Admission,
  key: Array,
  *,
  layout: Layout,
) -> Slots:
  """Puts requests into slots, each with a copy of its prompt's cache."""

  def put(x: Array, value: Array) -> Array:
    return x.at[admission.slot].set(value, mode="drop")

  keys = jax.vmap(row_key, (None, 0, 0))(
    key, admission.prompt_id, admission.sample_id
  )
  never = jnp.full_like(admission.slot, budget.UNLIMITED)
  admitted = Slots(
    newest=put(slots.newest, admission.newest),
    last=put(slots.last, admission.length - 1),
    start=put(slots.start, admission.length),
    end=put(slots.end, admission.length + admission.room),
    thinking_budget=put(slots.thinking_budget, admission.thinking_budget),
    answer_budget=put(slots.answer_budget, admission.answer_budget),
    stopped=put(slots.stopped, admission.room < 1),
    key=put(slots.key, jax.random.key_data(keys)),
    thought=jax.tree.map(lambda x: put(x, never), slots.thought),
    cache=_copied(slots.cache, prompts, admission, layout),
  )
  return placed(admitted, layout)


@functools.partial(jax.jit, static_argnames=("layout",))
def taken(slots: Slots, kept: Int32[Array, " s"], *, layout: Layout) -> Slots:
  """Some of the slots, in this order."""

  def some(x: Array | KVCache) -> Array | KVCache:
    if isinstance(x, KVCache):
      return jax.tree.map(lambda y: jnp.take(y, kept, axis=y.ndim - 4), x)
    return jnp.take(x, kept, axis=0)

  fewer = jax.tree.map(some, slots, is_leaf=lambda x: isinstance(x, KVCache))
  return placed(fewer, layout)


def admission(
  admitted: Sequence[Admitted], requests: Sequence[Request], slots: int
) -> Admission:
  """An admission as host arrays."""
  chosen = [requests[one.number] for one in admitted]

  def column(
    values: list[int], dtype: type = np.int32, fill: int = 0
  ) -> np.ndarray:
    out: np.ndarray = np.full(slots, fill, dtype)
    out[: len(values)] = values
    return out

  return Admission(
    count=np.array(len(admitted), np.int32),
    slot=column([one.slot for one in admitted], fill=slots),
    source=column([one.row for one in admitted]),
    newest=column([r.tokens[-1] for r in chosen]),
    length=column([len(r.tokens) for r in chosen]),
    room=column([r.max_new_tokens for r in chosen]),
    thinking_budget=column([r.thinking_budget for r in chosen]),
    answer_budget=column([r.answer_budget for r in chosen]),
    prompt_id=column([r.prompt_id for r in chosen], np.uint32),
    sample_id=column([r.sample_id for r in chosen], np.uint32),
  )


def row_key(key: Array, prompt_id: Array, sample_id: Array) -> Array:
  """From (key, prompt, sample) and nothing else.

  With the position folded in at each step, what a row draws does not depend
  on its slot, the rows around it, or the number of devices.
  """
  return jax.random.fold_in(jax.random.fold_in(key, prompt_id), sample_id)


def _copied(
  cache: KVCache, prompts: KVCache, admission: Admission, layout: Layout
) -> KVCache:
  """The cache with prompts copied into slots, in place and one by one.

  Each part of the batch axis copies into the slots that it holds.
  """
  whole = whole_rows(layout)

  def local(cache: KVCache, prompts: KVCache, admission: Admission) -> KVCache:
    own = jax.tree.leaves(cache)[0].shape[-4]
    first = jax.lax.axis_index(axes) * own if axes else 0

    def copy(i: Array, cache: KVCache) -> KVCache:
      slot = admission.slot[i] - first
      here = (slot >= 0) & (slot < own)
      slot = jnp.clip(slot, 0, own - 1)

      def one(x: Array, prompt: Array) -> Array:
        axis = x.ndim - 4
        new = jax.lax.dynamic_slice_in_dim(prompt, admission.source[i], 1, axis)
        start = [slot if i == axis else 0 for i in range(x.ndim)]
        old = jax.lax.dynamic_slice(x, start, new.shape)
        return jax.lax.dynamic_update_slice(x, jnp.where(here, new, old), start)

      return jax.tree.map(one, cache, prompts)

    return jax.lax.fori_loop(0, admission.count, copy, cache)

  names = layout.rules.batch
  axes = (names,) if isinstance(names, str) else names or ()
  held = jax.tree.map(lambda x: x.spec, kv_cache.shardings(cache, layout))
  read = jax.tree.map(lambda x: x.spec, kv_cache.shardings(prompts, whole))
  everywhere = jax.tree.map(lambda _: PartitionSpec(), admission)
  return jax.shard_map(
    local,
    mesh=layout.mesh,
    in_specs=(held, read, everywhere),
    out_specs=held,
    check_vma=False,
  )(cache, prompts, admission)


def whole_rows(layout: Layout) -> Layout:
  """The same rules, but every part of the batch axis holds all rows."""
  return Layout(layout.mesh, dataclasses.replace(layout.rules, batch=None))
