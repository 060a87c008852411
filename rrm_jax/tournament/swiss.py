"""Swiss pairing: equals meet, and nobody meets the same opponent again."""

from collections import Counter

from rrm_jax.tournament.contests import Contest, Pair


def pairs(contest: Contest, seed: int) -> list[Pair]:
  """The next round: neighbours by score meet, as far as they have not yet.

  A win is a point, a match without a winner half of one. With an odd number
  the last by score who has not yet sat out does, for a point. Equal scores are
  ordered by lot.

  Source: the Dutch system of FIDE's handbook, C.04.3, without its colours and
  floats.
  """
  score = _scores(contest)
  order = contest.drawn("swiss", seed)
  order.sort(key=lambda place: -score[place])
  met = {frozenset(match.pair) for match in contest.matches}
  if len(order) % 2:
    order.remove(_resting(contest, order))
  found = _matching(order, met)
  assert found is not None, f"no pairing of {order} without {met}"
  return found


def _scores(contest: Contest) -> Counter[int]:
  score: Counter[int] = Counter()
  for match in contest.matches:
    for place in match.pair:
      half = match.winner is None
      score[place] += 1 if half else 2 * (place == match.winner)
  rounds = max((match.round for match in contest.matches), default=0)
  seated = Counter(p for match in contest.matches for p in match.pair)
  for place in contest.entrants:
    score[place] += 2 * (rounds - seated[place])
  return score


def _resting(contest: Contest, order: list[int]) -> int:
  """Who sits out: the last of those who did so least."""
  seated = Counter(p for match in contest.matches for p in match.pair)
  most = max(seated[place] for place in order)
  return next(place for place in reversed(order) if seated[place] == most)


def _matching(order: list[int], met: set[frozenset[int]]) -> list[Pair] | None:
  """The first by score meets the next whom it can; steps back when stuck."""
  if not order:
    return []
  first, *others = order
  for other in others:
    if frozenset((first, other)) in met:
      continue
    rest = _matching([p for p in others if p != other], met)
    if rest is not None:
      return [(first, other), *rest]
  return None
