"""Prefill and decode, compiled into one program per shape.

  1. Each prompt is read once, into a cache of its own length.
  2. The cache is copied to the prompt's G samples and given room to write.
  3. A `while_loop` writes one token per row and step until all have stopped.

The loop starts by reading each row's last prompt token again, at its own
place: so the prompt needs no logits and the first token is no special case.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32, PRNGKeyArray, UInt32

from rrm_jax import config
from rrm_jax.batches import Params, Prompts, Rollout, pytree
from rrm_jax.model import kv_cache, qwen2
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.ops import filters
from rrm_jax.sampling import budget
from rrm_jax.sampling.budget import Script, Thought
from rrm_jax.sharding import Layout


@pytree
class _Loop:
  """What one decoding step hands to the next; see `Rollout` for the fields."""

  column: Int32[Array, ""]  # of the completion, from 0
  last: Int32[Array, " N"]  # position of the newest token
  tokens: Int32[Array, "N T"]
  logprobs: Float[Array, "N T"]
  sampled: Bool[Array, "N T"]
  forced: Bool[Array, "N T"]
  stopped: Bool[Array, " N"]
  thought: Thought
  cache: KVCache


def row_keys(
  key: PRNGKeyArray, prompt_id: UInt32[Array, " P"], samples: int
) -> Array:
  """A key per row from (key, prompt id, sample id) and nothing else.

  With the position folded in at each step, what a row draws does not depend
  on the batch around it, its place in it, or the number of devices.
  """
  prompt_keys = jax.vmap(jax.random.fold_in, (None, 0))(key, prompt_id)
  fold = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))
  return fold(prompt_keys, jnp.arange(samples)).reshape(-1)


@functools.partial(
  jax.jit, static_argnames=("cfg", "sampling", "samples", "layout")
)
def generate(
  params: Params,
  prompts: Prompts,
  script: Script,
  key: PRNGKeyArray,
  thinking_budget: Int32[Array, ""],
  *,
  cfg: config.Model,
  sampling: config.Sampling,
  samples: int,
  layout: Layout,
) -> Rollout:
  """Completes each of P prompts G = `samples` times.

  Args:
    params: The model's, in whatever layout.
    prompts: Compact rows.
    script: What follows when the budget ends.
    key: The seed of all rows.
    thinking_budget: Tokens before the closing tag; budget.UNLIMITED for none.
      Takes the place of `sampling.thinking_budget`, so that a curve over
      budgets needs one program.
    cfg: The model's shape.
    sampling: Filters and room.
    samples: G.
    layout: How arrays are cut over devices.

  Returns:
    N = P * G rows of Tp + max_new_tokens columns.
  """
  rows = prompts.tokens.shape[0] * samples
  columns = prompts.tokens.shape[1] + sampling.max_new_tokens
  with jax.named_scope("prefill"):
    cache = _prefill(params, prompts, cfg, layout)
    cache = kv_cache.extend(kv_cache.repeat(cache, samples), columns)
  cache = jax.tree.map(lambda x: layout.constrain(x, *kv_cache.AXES), cache)
  keys = row_keys(key, prompts.prompt_id, samples)
  tokens = jnp.pad(prompts.tokens, ((0, 0), (0, sampling.max_new_tokens)))
  length = jnp.repeat(prompts.length, samples)
  start = _Loop(
    column=jnp.int32(0),
    last=length - 1,
    tokens=jnp.repeat(tokens, samples, axis=0),
    logprobs=jnp.zeros((rows, columns), jnp.float32),
    sampled=jnp.zeros((rows, columns), bool),
    forced=jnp.zeros((rows, columns), bool),
    stopped=~jnp.repeat(prompts.active, samples),
    thought=budget.begin(rows),
    cache=cache,
  )

  def unfinished(loop: _Loop) -> Array:
    return (loop.column < sampling.max_new_tokens) & ~jnp.all(loop.stopped)

  def step(loop: _Loop) -> _Loop:
    thought = budget.reach(
      loop.thought,
      loop.column,
      jnp.full(rows, thinking_budget, jnp.int32),
    )
    loop = dataclasses.replace(loop, thought=thought)
    return _step(params, loop, keys, script, cfg, sampling, layout)

  with jax.named_scope("decode"):
    end = jax.lax.while_loop(unfinished, step, start)
  return Rollout(
    tokens=end.tokens,
    prompt_length=length,
    length=end.last + 1,
    logprobs=end.logprobs,
    sampled=end.sampled,
    forced=end.forced,
    stopped=end.stopped,
  )


def _prefill(
  params: Params, prompts: Prompts, cfg: config.Model, layout: Layout
) -> KVCache:
  """The cache after reading the prompts, P rows of Tp slots."""
  rows, columns = prompts.tokens.shape
  positions = jnp.broadcast_to(jnp.arange(columns), (rows, columns))
  _, cache = qwen2.forward(
    params,
    cfg,
    prompts.tokens,
    positions,
    cache=kv_cache.empty(cfg, rows, columns),
    layout=layout,
  )
  assert cache is not None
  return cache


def _step(
  params: Params,
  loop: _Loop,
  keys: Array,
  script: Script,
  cfg: config.Model,
  sampling: config.Sampling,
  layout: Layout,
) -> _Loop:
  """Reads every row's newest token and writes the next."""
  row = jnp.arange(loop.last.shape[0])
  newest = loop.tokens[row, loop.last][:, None]
  hidden, cache = qwen2.forward(
    params, cfg, newest, loop.last[:, None], cache=loop.cache, layout=layout
  )
  assert cache is not None
  logits = jnp.dot(  # f32 as in the learner, whatever is computed in
    hidden[:, 0],
    qwen2.unembedding(params, cfg),
    preferred_element_type=jnp.float32,
  )
  logits = budget.restricted(script, loop.thought, loop.column, logits)
  logits = filters.filtered(logits, sampling)
  here = jax.vmap(jax.random.fold_in)(keys, loop.last + 1)
  drawn, logprobs = filters.draw(here, logits)
  token, forced, thought = budget.follow(
    script, loop.thought, loop.column, drawn
  )
  live = ~loop.stopped
  # Rows that have stopped write nowhere: column T is out of bounds.
  at = jnp.where(live, loop.last + 1, loop.tokens.shape[1])

  def put(array: Array, value: Array) -> Array:
    return array.at[row, at].set(value, mode="drop")

  return _Loop(
    column=loop.column + 1,
    last=loop.last + live,
    tokens=put(loop.tokens, token),
    logprobs=put(loop.logprobs, jnp.where(forced, 0.0, logprobs)),
    sampled=put(loop.sampled, ~forced),
    forced=put(loop.forced, forced),
    stopped=loop.stopped | jnp.isin(token, script.stop),
    thought=thought,
    cache=cache,
  )
