"""Who can meet whom in a knockout, and what has happened so far."""

from collections.abc import Mapping, Sequence

from rrm_jax import config
from rrm_jax.tournament.contests import Contest, Pair

# The places of a bracket from top to bottom; None lets its neighbour pass.
Leaves = list[int | None]


def leaves(contest: Contest, schedule: config.Schedule) -> Leaves:
  """The bracket of a prompt: a power of two of places, byes among them.

  A bye skips the first round and no other. Under "seeded" the best seeds have
  them, under "random" whom the lot gives them, under "given" the last leaves.
  """
  if schedule.bracket == "seeded":
    return _seeded(contest.entrants)
  if schedule.bracket == "random":
    return _padded(contest.drawn("bracket", schedule.seed))
  return _padded([p for p in schedule.leaves if p in contest.entrants])


def pending(
  tree: Leaves, advanced: Mapping[tuple[int, Pair], int]
) -> list[Pair]:
  """The pairs of the current round that have to be played; none at the end.

  Args:
    tree: What `leaves` gives.
    advanced: Who went on, by round from 1 and pair.
  """
  number = 0
  while len(tree) > 1:
    number += 1
    slots = list(zip(tree[::2], tree[1::2], strict=True))
    pairs = [(a, b) for a, b in slots if a is not None and b is not None]
    left = [pair for pair in pairs if (number, pair) not in advanced]
    if left:
      return left
    tree = [
      advanced[number, (a, b)]
      if a is not None and b is not None
      else (b if a is None else a)
      for a, b in slots
    ]
  return []


def standing(contest: Contest) -> tuple[int, ...]:
  """The entrants that have lost no match."""
  lost = {
    place
    for match in contest.matches
    for place in match.pair
    if place != match.advanced
  }
  return tuple(place for place in contest.entrants if place not in lost)


def _padded(order: Sequence[int]) -> Leaves:
  size = _power_of_two(len(order))
  byes = size - len(order)
  split = len(order) - byes
  late: Leaves = [p for place in order[split:] for p in (place, None)]
  return [*order[:split], *late]


def _seeded(order: Sequence[int]) -> Leaves:
  """The standard bracket: seeds s and 2^k + 1 - s meet in the first round."""
  seeds = [0]
  while len(seeds) < len(order):
    size = 2 * len(seeds)
    seeds = [s for seed in seeds for s in (seed, size - 1 - seed)]
  return [order[s] if s < len(order) else None for s in seeds]


def _power_of_two(count: int) -> int:
  return 1 << (count - 1).bit_length()
