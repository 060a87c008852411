"""Decoding: all slots write, token after token, inside one program.

It hands back when enough slots have stopped for the host to admit others.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from rrm_jax import config
from rrm_jax.batches import Array as AnyArray
from rrm_jax.batches import Params, pytree
from rrm_jax.model import qwen2
from rrm_jax.ops import filters
from rrm_jax.sampling import budget
from rrm_jax.sampling.budget import Script
from rrm_jax.sampling.completions import Completion
from rrm_jax.sampling.schedule import Request
from rrm_jax.sampling.slots import Slots, placed
from rrm_jax.sharding import Layout


@pytree
class Chunk:
  """What the slots wrote in one call; slot s fills columns 0 to count[s].

  Attributes:
    count: Tokens that each slot wrote.
    tokens: Ids.
    logprobs: Of the distribution that was sampled, 0 where forced.
    forced: Written by the thinking budget, not by the model.
    ended: The last token was a stop token.
    idle: The slot has nothing to do.
    broken: The logits were not finite, or no token was allowed.
  """

  count: Int32[AnyArray, " S"]
  tokens: Int32[AnyArray, "S C"]
  logprobs: Float[AnyArray, "S C"]
  forced: Bool[AnyArray, "S C"]
  ended: Bool[AnyArray, " S"]
  idle: Bool[AnyArray, " S"]
  broken: Bool[AnyArray, " S"]


@functools.partial(
  jax.jit,
  static_argnames=("cfg", "kept", "live", "columns", "layout"),
  donate_argnames=("slots",),
)
def decode(
  params: Params,
  slots: Slots,
  script: Script,
  most_idle: Int32[Array, ""],
  *,
  cfg: config.Model,
  kept: filters.Filters,
  live: int,
  columns: int,
  layout: Layout,
) -> tuple[Slots, Chunk]:
  """Writes up to `columns` tokens in every slot that is not idle.

  Returns early when `most_idle` slots are idle, when a row has filled the
  `live` slots of the cache that are attended to, or when logits are broken.

  Args:
    params: Of the model, in the form of the cache.
    slots: Donated.
    script: What follows when a thinking budget ends.
    most_idle: How many idle slots are worth the host's attention.
    cfg: The model's shape.
    kept: What stands between logits and draw.
    live: Slots of the cache to attend to.
    columns: Most tokens per slot.
    layout: How arrays are cut over devices.
  """
  rows = slots.last.shape[0]
  blank = Chunk(
    count=jnp.zeros(rows, jnp.int32),
    tokens=jnp.zeros((rows, columns), jnp.int32),
    logprobs=jnp.zeros((rows, columns), jnp.float32),
    forced=jnp.zeros((rows, columns), bool),
    ended=jnp.zeros(rows, bool),
    idle=slots.stopped,
    broken=jnp.zeros(rows, bool),
  )

  def unfinished(carry: tuple[Array, Slots, Chunk]) -> Array:
    column, slots, chunk = carry
    idle = jnp.sum(slots.stopped)
    filled = jnp.any(~slots.stopped & (slots.last >= live))
    return (
      (column < columns)
      & (idle < jnp.minimum(most_idle, rows))
      & ~filled
      & ~chunk.broken.any()
    )

  def step(
    carry: tuple[Array, Slots, Chunk],
  ) -> tuple[Array, Slots, Chunk]:
    column, slots, chunk = carry
    slots, chunk = _step(
      params, slots, chunk, column, script, cfg, kept, live, layout
    )
    return column + 1, slots, chunk

  _, slots, chunk = jax.lax.while_loop(
    unfinished, step, (jnp.int32(0), slots, blank)
  )
  chunk = jax.tree.map(
    lambda x: jax.lax.with_sharding_constraint(x, layout.replicated), chunk
  )
  return placed(slots, layout), chunk


def _step(
  params: Params,
  slots: Slots,
  chunk: Chunk,
  column: Array,
  script: Script,
  cfg: config.Model,
  kept: filters.Filters,
  live: int,
  layout: Layout,
) -> tuple[Slots, Chunk]:
  """Reads every slot's newest token and writes the next."""
  hidden, cache = qwen2.forward(
    params,
    cfg,
    slots.newest[:, None],
    slots.last[:, None],
    cache=slots.cache,
    live=live,
    layout=layout,
  )
  assert cache is not None
  written = slots.last + 1 - slots.start
  thought = budget.reach(slots.thought, written, slots.thinking_budget)
  logits = qwen2.logits(params, cfg, hidden[:, 0])
  with jax.named_scope("draw"):
    logits = budget.restricted(script, thought, written, logits)
    highest = jnp.max(logits, axis=-1)
    logits = filters.filtered(logits, kept)
    keys = jax.random.wrap_key_data(slots.key)
    keys = jax.vmap(jax.random.fold_in)(keys, slots.last + 1)
    drawn, logprobs = filters.draw(keys, logits)
  token, forced, thought = budget.follow(script, thought, written, drawn)
  active = ~slots.stopped
  ended = active & jnp.isin(token, script.stop)
  answered = written - thought.closed_at >= slots.answer_budget
  full = answered | (slots.last + 2 >= slots.end)

  def put(array: Array, value: Array) -> Array:
    value = jnp.where(active, value, 0).astype(array.dtype)
    return jax.lax.dynamic_update_index_in_dim(array, value, column, 1)

  chunk = Chunk(
    count=chunk.count + active,
    tokens=put(chunk.tokens, token),
    logprobs=put(chunk.logprobs, jnp.where(forced, 0.0, logprobs)),
    forced=put(chunk.forced, forced),
    ended=chunk.ended | ended,
    idle=slots.stopped | ended | full,
    broken=chunk.broken | (active & ~jnp.isfinite(highest)),
  )
  slots = dataclasses.replace(
    slots,
    newest=jnp.where(active, token, slots.newest),
    last=slots.last + active,
    stopped=chunk.idle,
    thought=thought,
    cache=cache,
  )
  return slots, chunk


def written(chunk: Chunk, slot: int) -> Completion:
  """What a slot wrote in one call, of a chunk that is on the host."""
  count = chunk.count[slot]
  return Completion(
    chunk.tokens[slot, :count],
    chunk.logprobs[slot, :count],
    chunk.forced[slot, :count],
    stopped=bool(chunk.ended[slot]),
  )


def check_sane(
  chunk: Chunk,
  slot: int,
  name: str,
  request: Request,
  before: Sequence[Completion],
) -> None:
  """Refuses what a slot wrote from logits that make no sense.

  Args:
    chunk: On the host.
    slot: Which.
    name: For the message.
    request: What was asked for.
    before: What it had written before.

  Raises:
    ValueError: the logits were not finite, or left nothing to draw.
  """
  if chunk.broken[slot]:
    token = sum(len(p.tokens) for p in before) + int(chunk.count[slot])
    raise ValueError(
      f"{name} (prompt {request.prompt_id}, sample {request.sample_id}): the "
      f"logits of its token {token} are not finite, "
      "or leave no token to draw; look at the weights, and at what is banned"
    )
