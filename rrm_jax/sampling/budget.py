"""Thinking budgets: what is forced on a row that has thought long enough.

When a row reaches its budget without closing its thinking, a script is
written in place of what it would have said: the closing text token by token,
then one of the allowed verdict tokens, chosen by the model among those alone,
then the ending. All of it is `forced`: not the model's own, no loss.

Columns count a row's completion from 0, each row its own.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from rrm_jax.batches import Array as AnyArray
from rrm_jax.batches import pytree
from rrm_jax.ops.filters import DROPPED

# Stands in the script for the token that the model chooses.
CHOICE = -1
# A budget that is never reached.
UNLIMITED = 2**30


@pytree
class Script:
  """What follows when the budget ends.

  Attributes:
    tokens: Ids, `CHOICE` at the place of the verdict; at least one.
    choices: The ids allowed there.
    closing_tag: The id that ends thinking when the model writes it.
    stop: Ids that end a row.
  """

  tokens: Int[AnyArray, " F"]
  choices: Int[AnyArray, " C"]
  closing_tag: Int[AnyArray, ""]
  stop: Int[AnyArray, " E"]


@pytree
class Thought:
  """Where each of N rows stands.

  Attributes:
    closed_at: Column of the closing tag that the model wrote by itself,
      UNLIMITED before.
    forced_at: Column at which the script began, UNLIMITED before.
  """

  closed_at: Int[AnyArray, " N"]
  forced_at: Int[AnyArray, " N"]


def begin(rows: int) -> Thought:
  """Nobody has thought yet."""
  never = jnp.full(rows, UNLIMITED, jnp.int32)
  return Thought(never, jnp.copy(never))


def reach(
  thought: Thought, column: Int[Array, " N"], budget: Int[Array, " N"]
) -> Thought:
  """Starts the script where the budget is used up."""
  over = (thought.closed_at == UNLIMITED) & (column >= budget)
  start = jnp.minimum(thought.forced_at, column)
  return Thought(thought.closed_at, jnp.where(over, start, thought.forced_at))


def restricted(
  script: Script, thought: Thought, column: Int[Array, " N"], logits: Array
) -> Array:
  """Logits with only the allowed ones left, in rows that are at the choice."""
  here = _scripted(script, thought, column) == CHOICE
  here &= thought.forced_at < UNLIMITED
  allowed = jnp.zeros(logits.shape[-1], bool).at[script.choices].set(True)
  return jnp.where(here[:, None] & ~allowed, DROPPED, logits)


def follow(
  script: Script,
  thought: Thought,
  column: Int[Array, " N"],
  drawn: Int[Array, " N"],
) -> tuple[Int[Array, " N"], Bool[Array, " N"], Thought]:
  """The token to write, whether it is forced, and the new state."""
  scripted = _scripted(script, thought, column)
  forced = thought.forced_at < UNLIMITED
  tokens = jnp.where(forced & (scripted != CHOICE), scripted, drawn)
  closing = ~forced & (tokens == script.closing_tag)
  closed_at = jnp.where(
    closing, jnp.minimum(thought.closed_at, column), thought.closed_at
  )
  return tokens, forced, Thought(closed_at, thought.forced_at)


def _scripted(
  script: Script, thought: Thought, column: Int[Array, " N"]
) -> Int[Array, " N"]:
  """The script's token at this column, anything where it has not begun."""
  last = script.tokens.shape[0] - 1
  return script.tokens[jnp.clip(column - thought.forced_at, 0, last)]
