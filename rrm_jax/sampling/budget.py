"""Thinking budgets: what is forced on a row that has thought long enough.

When a row reaches its budget without closing its thinking, a script is
written in place of what it would have said: the closing text token by token,
then one of the allowed verdict tokens, chosen by the model among those alone,
then the ending. All of it is `forced`: not the model's own, no loss.
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
    closed: The model has closed its thinking by itself.
    forced_at: Completion column at which the script began, UNLIMITED before.
  """

  closed: Bool[Array, " N"]
  forced_at: Int[Array, " N"]


def begin(rows: int) -> Thought:
  """Nobody has thought yet."""
  return Thought(jnp.zeros(rows, bool), jnp.full(rows, UNLIMITED, jnp.int32))


def reach(
  thought: Thought, column: Int[Array, ""], budget: Int[Array, " N"]
) -> Thought:
  """Starts the script where the budget is used up."""
  over = ~thought.closed & (column >= budget)
  return Thought(
    thought.closed,
    jnp.where(over, jnp.minimum(thought.forced_at, column), thought.forced_at),
  )


def restricted(
  script: Script, thought: Thought, column: Int[Array, ""], logits: Array
) -> Array:
  """Logits with only the allowed ones left, in rows that are at the choice."""
  here = _scripted(script, thought, column) == CHOICE
  allowed = jnp.zeros(logits.shape[-1], bool).at[script.choices].set(True)
  return jnp.where(here[:, None] & ~allowed, DROPPED, logits)


def follow(
  script: Script,
  thought: Thought,
  column: Int[Array, ""],
  drawn: Int[Array, " N"],
) -> tuple[Int[Array, " N"], Bool[Array, " N"], Thought]:
  """The token to write, whether it is forced, and the new state."""
  scripted = _scripted(script, thought, column)
  forced = thought.forced_at < UNLIMITED
  tokens = jnp.where(forced & (scripted != CHOICE), scripted, drawn)
  closed = thought.closed | (~forced & (tokens == script.closing_tag))
  return tokens, forced, Thought(closed, thought.forced_at)


def _scripted(
  script: Script, thought: Thought, column: Int[Array, ""]
) -> Int[Array, " N"]:
  """The script's token at this column, anything where it has not begun."""
  last = script.tokens.shape[0] - 1
  return script.tokens[jnp.clip(column - thought.forced_at, 0, last)]
