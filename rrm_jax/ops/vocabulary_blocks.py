"""The vocabulary in blocks of words, each device its own rows and words.

Letters: N tokens, D width, V vocabulary; n, d and v those of one device, w
words of a block.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rrm_jax.ops.filters import DROPPED, UNFILTERED, Filters, filtered
from rrm_jax.sharding import Layout

# The bytes that one block of f32 logits may take.
BLOCK_BYTES = 64 * 2**20
# Fewer rows or words make thin products.
LEAST = 128


class Cut(NamedTuple):
  """Along which mesh axes rows, words and width are cut."""

  rows: tuple[str, ...] = ()
  words: tuple[str, ...] = ()
  width: tuple[str, ...] = ()


class Block(NamedTuple):
  """Some of a device's words.

  Attributes:
    first: The first of them.
    head: Their part of the unembedding [D, w].
    logits: After the filters [n, w].
    own: Which is its row's target [n, w].
  """

  first: jax.Array
  head: jax.Array
  logits: jax.Array
  own: jax.Array


def cut_of(hidden: jax.Array, layout: Layout | None) -> Cut:
  """How a layout cuts rows [N, D] and an unembedding [D, V].

  Rows that do not divide among the devices are computed by each, with the
  whole width of the unembedding.
  """
  if layout is None:
    return Cut()
  rules = layout.rules
  rows = _names(rules.batch) if len(hidden) % layout.batch_parts == 0 else ()
  width = _names(rules.embed)
  gathered = set(width) <= set(rows)
  return Cut(rows, _names(rules.vocab), width if gathered else ())


def _names(axes: str | tuple[str, ...] | None) -> tuple[str, ...]:
  return (axes,) if isinstance(axes, str) else axes or ()


def blocks(hidden: jax.Array, unembedding: jax.Array) -> tuple[int, int]:
  """How many blocks of words there are, and of how many words."""
  words = unembedding.shape[1]
  most = max(LEAST, BLOCK_BYTES // (4 * max(1, len(hidden))))
  count = -(-words // most)
  return count, -(-words // count)


def block(
  number: jax.Array,
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  floor: jax.Array,
  filters: Filters,
  cut: Cut,
) -> Block:
  """Block after block; the last may repeat words of the one before it.

  Args:
    number: Which block.
    hidden: Rows [n, D].
    unembedding: This device's part [d, v].
    targets: Ids [n]; a target is never dropped.
    floor: As `floors` says [n].
    filters: The sampler's.
    cut: How rows and words are cut over devices.
  """
  _, width = blocks(hidden, unembedding)
  words = unembedding.shape[1]
  first = jnp.minimum(number * width, words - width)
  head = jax.lax.dynamic_slice_in_dim(unembedding, first, width, 1)
  head = gathered(head, cut)
  word = first + jnp.arange(width)
  new = word >= number * width
  before = jax.lax.axis_index(cut.words) * words if cut.words else 0
  own = new & (targets[:, None] == before + word)
  logits = product(hidden, head) / filters.temperature
  kept = own | (new & ~(logits < floor[:, None]))  # NaN is kept
  return Block(first, head, jnp.where(kept, logits, DROPPED), own)


def floors(
  hidden: jax.Array, unembedding: jax.Array, filters: Filters, cut: Cut
) -> jax.Array:
  """What a logit must reach to be kept [n]; filters want to see whole rows.

  Halfway between the least that is kept and the most that is dropped: the
  noise between one product and another moves neither across.
  """
  if filters == UNFILTERED._replace(temperature=filters.temperature):
    return jnp.full(len(hidden), DROPPED)
  head = gathered(unembedding, cut)

  def chunk(rows: jax.Array) -> jax.Array:
    logits = product(rows, head)
    if cut.words:
      logits = jax.lax.all_gather(logits, cut.words, axis=1, tiled=True)
    kept = filtered(logits, filters) > DROPPED
    logits /= filters.temperature
    least = jnp.where(kept, logits, jnp.inf).min(-1)
    most = jnp.where(kept, DROPPED, logits).max(-1)
    return jnp.where(most > DROPPED, (least + most) / 2, DROPPED)

  size = max(LEAST, BLOCK_BYTES // (4 * head.shape[1]))
  room = ((0, -len(hidden) % size), (0, 0))
  chunks = jnp.pad(hidden, room).reshape(-1, size, hidden.shape[1])
  return jax.lax.map(chunk, chunks).reshape(-1)[: len(hidden)]


def product(x: jax.Array, y: jax.Array) -> jax.Array:
  """x @ y, f32 whatever they are."""
  return jnp.dot(x, y, preferred_element_type=jnp.float32)


def gathered(head: jax.Array, cut: Cut) -> jax.Array:
  """[d, w] of every device as [D, w]."""
  if not cut.width:
    return head
  return jax.lax.all_gather(head, cut.width, axis=0, tiled=True)


def summed(d_head: jax.Array, cut: Cut) -> jax.Array:
  """The sum of all rows' [D, w]: this device's [d, w] of it."""
  others = tuple(axis for axis in cut.rows if axis not in cut.width)
  if cut.width:
    d_head = jax.lax.psum_scatter(
      d_head, cut.width, scatter_dimension=0, tiled=True
    )
  return jax.lax.psum(d_head, others) if others else d_head
