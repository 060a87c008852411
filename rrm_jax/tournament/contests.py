"""One prompt's candidates while they compete, and what a judge is asked."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

from rrm_jax import stable_hash
from rrm_jax.records import Candidates, Comparison, Match, Question

Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Contest:
  """What a strategy knows: who competes, and what has been played.

  Attributes:
    uid: The prompt's; with a seed it fixes everything drawn by lot.
    entrants: Places of the candidates that compete, in the data's order.
    matches: What has been played so far, in the order of play.
  """

  uid: str
  entrants: tuple[int, ...]
  matches: tuple[Match, ...] = ()

  @property
  def spent(self) -> int:
    """Judgements so far."""
    return sum(len(match.games) for match in self.matches)

  def drawn(self, what: str, seed: int) -> list[int]:
    """The entrants in an order drawn by a stable hash."""
    return sorted(
      self.entrants,
      key=lambda place: stable_hash.fraction(
        what, str(seed), self.uid, str(place)
      ),
    )


def representatives(responses: Sequence[str]) -> tuple[int, ...]:
  """For each candidate the first place that holds the same text.

  Equal texts are one contestant: no judge can tell them apart, and what it
  would say of them is noise. They share the rating of the first.
  """
  first: dict[str, int] = {}
  return tuple(first.setdefault(text, i) for i, text in enumerate(responses))


def contest(group: Candidates) -> Contest:
  """The contest of a prompt before anything was played."""
  return Contest(
    group.uid, tuple(sorted(set(representatives(group.responses))))
  )


def comparison(group: Candidates, pair: Pair) -> Comparison:
  """Two candidates in the data's order, whoever asks and in which order.

  Its label says which is correct, if just one is; its subset is the group's.
  """
  first, second = sorted(pair)
  label = None
  if group.correct is not None:
    right = group.correct[first], group.correct[second]
    label = {(True, False): 1, (False, True): 2}.get(right)
  return Comparison(
    uid=f"{group.uid}/{first}-{second}",
    conversation=group.conversation,
    responses=(group.responses[first], group.responses[second]),
    label=label,
    subset=group.subset,
    source=group.source,
  )


def comparisons(
  groups: Sequence[Candidates], matches: Sequence[Match]
) -> list[Comparison]:
  """Every comparison of the matches once, in the order of play."""
  by_uid = {group.uid: group for group in groups}
  met = {match.comparison_uid: match for match in matches}
  return [comparison(by_uid[m.uid], m.pair) for m in met.values()]


def question(
  group: Candidates, pair: Pair, game: int, seed: int = 0
) -> Question:
  """The `game`-th judgement of a pair, from 0, counted over all its matches.

  It depends on the pair and the number alone, so that strategies share what a
  cache holds. Games 2k and 2k + 1 show the two orders of sample k. Which order
  comes first hangs on the parity of the places and on one coin per prompt:
  over a round robin of single games each candidate is shown first in half of
  its games, give or take one half.
  """
  first, second = sorted(pair)
  even = (first + second) % 2 == 0
  swapped = even ^ stable_hash.coin("slots", str(seed), group.uid)
  return Question(
    comparison(group, pair), game // 2, bool(swapped ^ (game % 2 == 1))
  )


def pairs_of(entrants: Sequence[int]) -> list[Pair]:
  """All pairs of entrants, each once."""
  return list(itertools.combinations(entrants, 2))


def meetings(contest: Contest) -> Counter[Pair]:
  """How many games each pair has played, by places in the data's order."""
  games: Counter[Pair] = Counter()
  for match in contest.matches:
    games[min(match.pair), max(match.pair)] += len(match.games)
  return games
