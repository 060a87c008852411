"""Swiss pairing: equals meet, and nobody meets the same opponent again."""

from collections import Counter
from collections.abc import Sequence

from rrm_jax.tournament.contests import Contest, Pair

# Whom the one sits out against that is left over by an odd number.
_NOBODY = -1


def pairs(contest: Contest, seed: int) -> list[Pair]:
  """The next round: neighbours by score meet, as far as they have not yet.

  A win is a point, a match without a winner half of one. With an odd number
  the last by score who has not yet sat out does, for a point. Equal scores are
  ordered by lot.

  Source: the Dutch system of FIDE's handbook, C.04.3, without its colours and
  floats.
  """
  rounds = max((match.round for match in contest.matches), default=0)
  seats = Counter(p for match in contest.matches for p in match.pair)
  score = _halves(contest)
  for place in contest.entrants:
    score[place] += 2 * (rounds - seats[place])
  order = contest.drawn("swiss", seed)
  order.sort(key=lambda place: -score[place])
  met = {frozenset(match.pair) for match in contest.matches}
  if len(order) % 2:
    met |= {frozenset((p, _NOBODY)) for p in order if seats[p] < rounds}
    order.append(_NOBODY)
  return [pair for pair in matching(order, met) if _NOBODY not in pair]


def matching(order: Sequence[int], met: set[frozenset[int]]) -> list[Pair]:
  """Pairs all of an even number, without those that have met.

  From the last and then from the first on, each takes the nearest whom it can.
  Two that are left, x and y, split up a pair (a, b) whom they can meet
  crosswise. There is one while nobody has met half of the field: x and y can
  then meet as many in all as there are others, none of them left, so to some
  pair three of the four ways are open (as in the proof of Dirac's theorem).
  """
  left, found = list(order), []
  for first in [*order[-1:], *order[:-1]]:
    if first not in left:
      continue
    others = left[::-1] if first == order[-1] else left
    free = (o for o in others if o != first and {first, o} not in met)
    second = next(free, None)
    if second is not None:
      found.append((first, second))
      left = [place for place in left if place not in (first, second)]
  while left:
    x, y = left.pop(), left.pop()
    number, crossed = _crossing(x, y, found, met)
    found[number : number + 1] = crossed
  return found


def _crossing(
  x: int, y: int, found: Sequence[Pair], met: set[frozenset[int]]
) -> tuple[int, list[Pair]]:
  """The last pair that x and y can split up, and the two that come of it."""
  for number in reversed(range(len(found))):
    a, b = found[number]
    for other, another in ((a, b), (b, a)):
      if {x, other} not in met and {y, another} not in met:
        return number, [(x, other), (y, another)]
  raise AssertionError(f"nobody is left for {x} and {y}: {found}, {met}")


def _halves(contest: Contest) -> Counter[int]:
  """Twice the points of each."""
  halves: Counter[int] = Counter()
  for match in contest.matches:
    for place in match.pair:
      drawn = match.winner is None
      halves[place] += 1 if drawn else 2 * (place == match.winner)
  return halves
