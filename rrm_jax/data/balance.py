"""Pairs whose length says nothing about which answer is right.

In most sets the right answer is the longer one a little more often, and a judge
that learns by reward finds that before it finds anything else. That the longer
is right in half of all pairs is not enough: much longer could still mean wrong,
and a little longer right. So both are made equal within each band of lengths'
ratio.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from rrm_jax import stable_hash
from rrm_jax.records import Comparison

# Bands of a quarter of a doubling, 19 %; beyond four times all is one band.
_BANDS_PER_DOUBLING = 4
_LAST_BAND = 8


def select(
  questions: Iterable[Sequence[Comparison]],
  per_question: int,
  balanced: bool,
  left_out: Counter[str],
) -> list[Comparison]:
  """Takes pairs of each question, so that lengths come out even.

  Pairs are taken one by one: from each question those of which there are too
  few so far. What is too many in the end goes by a stable hash.

  Args:
    questions: The labelled pairs of each.
    per_question: The most to take of one; 0 for all.
    balanced: Whether lengths shall be even.
    left_out: Counts what is not taken, by reason.

  Returns:
    The pairs in the order they came; all those of a question together.
  """
  surplus = Counter[int]()
  taken: list[Comparison] = []
  for pairs in questions:
    most = min(per_question or len(pairs), len(pairs))
    left_out["are more than one question may have"] += len(pairs) - most
    taken += _best(pairs, most, surplus if balanced else Counter())
  if not balanced:
    return taken
  kept = _even(taken, surplus)
  left_out["would make lengths uneven"] += len(taken) - len(kept)
  return kept


def longer_is_right(pairs: Sequence[Comparison]) -> float | None:
  """The share of pairs whose right answer is the longer; equal ones half."""
  if not pairs:
    return None
  signs = [_side(pair)[0] for pair in pairs]
  return round(0.5 + sum(signs) / (2 * len(signs)), 4)


def _side(pair: Comparison) -> tuple[int, int]:
  """Whether the right answer is longer (1) or shorter (-1), and by how much.

  Returns:
    The sign, 0 for equal lengths; and the band of the ratio.

  Raises:
    ValueError: the pair has no label.
  """
  if pair.label is None:
    raise ValueError(f"pair {pair.uid!r} has no label, so no right answer")
  right = len(pair.responses[pair.label - 1])
  wrong = len(pair.responses[2 - pair.label])
  if right == wrong:
    return 0, 0
  doublings = abs(math.log2(max(1, right) / max(1, wrong)))
  band = min(int(doublings * _BANDS_PER_DOUBLING), _LAST_BAND)
  return (1 if right > wrong else -1), band


def _best(
  pairs: Sequence[Comparison], most: int, surplus: Counter[int]
) -> list[Comparison]:
  """Takes pairs of one question; `surplus` is kept up to date.

  Of pairs that are as much wanted, those whose answers were used least go
  first, then those of the lower hash.
  """
  used = Counter[str]()
  rest = dict(enumerate(pairs))
  taken: list[int] = []
  while len(taken) < most:

    def unwanted(place: int) -> tuple[int, int, float]:
      sign, band = _side(rest[place])
      again = sum(used[text] for text in rest[place].responses)
      return sign * surplus[band], again, _rank(rest[place])

    place = min(rest, key=unwanted)
    pair = rest.pop(place)
    sign, band = _side(pair)
    surplus[band] += sign
    used.update(pair.responses)
    taken.append(place)
  return [pairs[place] for place in sorted(taken)]


def _even(
  pairs: Sequence[Comparison], surplus: Counter[int]
) -> list[Comparison]:
  """The pairs without what is too many in each band."""
  dropped: set[str] = set()
  for band, count in surplus.items():
    many = [p for p in pairs if _side(p) == ((count > 0) - (count < 0), band)]
    dropped |= {pair.uid for pair in sorted(many, key=_rank)[: abs(count)]}
  return [pair for pair in pairs if pair.uid not in dropped]


def _rank(pair: Comparison) -> float:
  return stable_hash.fraction("balance", pair.uid)
