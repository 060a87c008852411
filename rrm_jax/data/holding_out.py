"""Splits comparisons so that what is measured on was not trained on."""

import collections
from collections.abc import Sequence

from rrm_jax import stable_hash
from rrm_jax.records import Comparison


def split(
  comparisons: Sequence[Comparison], count: int
) -> tuple[list[Comparison], list[Comparison]]:
  """Holds out whole queries, drawn by a stable hash of their text.

  Files often have several pairs of one query, and often one source after the
  other: their first rows would share queries with the rest, and be of one kind.

  Args:
    comparisons: All there are.
    count: How many to hold out. There may be fewer, as queries stay whole, and
      more where every query has more: then that with the fewest is held out.

  Returns:
    Those to train on and those held out, both in their order.

  Raises:
    ValueError: all are of one query, or none is to be held out.
  """
  sizes = collections.Counter(one.conversation for one in comparisons)
  if count < 1 or len(sizes) < 2:
    raise ValueError(
      f"{len(comparisons)} comparisons of {len(sizes)} queries are too few to "
      "hold a tenth of them out; give at least 10, of at least two queries"
    )
  drawn = sorted(
    sizes,
    key=lambda turns: stable_hash.fraction(
      "held out", *(text for turn in turns for text in turn)
    ),
  )
  held, left = set(), count
  for query in drawn:
    if sizes[query] <= left:
      held.add(query)
      left -= sizes[query]
  held = held or {min(drawn, key=sizes.__getitem__)}
  return (
    [one for one in comparisons if one.conversation not in held],
    [one for one in comparisons if one.conversation in held],
  )
