"""Who meets whom next: each strategy is a function of what has been played.

None of them holds state: the same matches give the same next round, so a
tournament that was cut off goes on where it was, and many prompts advance
together whatever each of them has behind it.
"""

import difflib
import math
import typing
from collections.abc import Sequence

from rrm_jax import config
from rrm_jax.config.tournament import Strategy
from rrm_jax.records import Candidates
from rrm_jax.tournament import active, brackets, swiss
from rrm_jax.tournament.contests import Contest, Pair


def next_pairs(contest: Contest, schedule: config.Schedule) -> list[Pair]:
  """The matches of the next round; none when the contest is over.

  Raises:
    ValueError: there is no such strategy.
  """
  match schedule.strategy:
    case "knockout":
      return _knockout(contest, schedule)
    case "round_robin":
      return _circled(contest, schedule, len(contest.entrants))
    case "random":
      return _circled(contest, schedule, schedule.opponents)
    case "swiss":
      done = max((match.round for match in contest.matches), default=0)
      if done == swiss_rounds(len(contest.entrants), schedule):
        return []
      return swiss.pairs(contest, schedule.seed)
    case "active":
      return _active(contest, schedule)
  raise ValueError(_unknown(schedule.strategy))


def cost(count: int, schedule: config.Schedule) -> int:
  """Judgements that one prompt takes at most.

  Args:
    count: Of different candidates.
    schedule: The strategy and its numbers.

  Raises:
    ValueError: there is no such strategy.
  """
  games = schedule.games
  match schedule.strategy:
    case "knockout":
      return games * (count - 1)
    case "round_robin":
      return games * count * (count - 1) // 2
    case "random":
      circles = min(schedule.opponents, count - 1 + count % 2)
      return games * circles * (count // 2)
    case "swiss":
      return games * swiss_rounds(count, schedule) * (count // 2)
    case "active":
      return budget(count, schedule) // games * games
  raise ValueError(_unknown(schedule.strategy))


def budget(count: int, schedule: config.Schedule) -> int:
  """What active may spend on a prompt with `count` candidates."""
  if count < 2:
    return 0
  return schedule.budget or 2 * (count - 1) * schedule.games


def swiss_rounds(count: int, schedule: config.Schedule) -> int:
  """Rounds of swiss: what is asked for, or as many as a knockout has."""
  if count < 2:
    return 0
  return schedule.rounds or math.ceil(math.log2(count))


def check(group: Candidates, schedule: config.Schedule) -> None:
  """Refuses a prompt that cannot be played so.

  Raises:
    ValueError: the strategy is unknown, the budget too small, the given
      bracket of another size, or there are more rounds of swiss than new
      opponents.
  """
  count = len(set(group.responses))
  takes = cost(count, schedule)
  whose = f"the {count} different candidates of {group.uid!r}"
  if schedule.budget and schedule.budget < count - 1:
    raise ValueError(
      f"budget={schedule.budget} is below {count - 1}, the fewest judgements "
      f"that reach all of {whose}; raise it"
    )
  if schedule.budget and takes > schedule.budget:
    raise ValueError(
      f"{schedule.strategy} takes {takes} judgements for {whose}, above "
      f"budget={schedule.budget}; raise it, lower games, rounds or opponents, "
      "or take strategy 'active', which spends what it is given"
    )
  most = (count + 1) // 2
  if schedule.strategy == "swiss" and schedule.rounds > most:
    raise ValueError(
      f"rounds={schedule.rounds} of swiss are too many for {whose}, who might "
      f"run out of new opponents after {most}; lower rounds, raise games, or "
      "take 'round_robin'"
    )
  if schedule.leaves and len(schedule.leaves) != len(group.responses):
    raise ValueError(
      f"leaves holds {len(schedule.leaves)} candidates and {group.uid!r} has "
      f"{len(group.responses)}; give a bracket of its size, or another kind"
    )


def circle(order: Sequence[int], number: int) -> list[Pair]:
  """Round `number`, from 0, of everyone against everyone.

  The circle method: one entrant stays, the others turn. With an odd number
  one sits out, another in each round. Two rounds in a row link all entrants.
  """
  table: list[int | None] = [*order, *([None] if len(order) % 2 else [])]
  turn = number % (len(table) - 1) if len(table) > 1 else 0
  turned = [table[0], *table[1 + turn :], *table[1 : 1 + turn]]
  half = len(turned) // 2
  couples = zip(turned[:half], reversed(turned[half:]), strict=True)
  return [(a, b) for a, b in couples if a is not None and b is not None]


def _circled(
  contest: Contest, schedule: config.Schedule, most: int
) -> list[Pair]:
  """All rounds of the circle at once, at most `most`: nothing is awaited."""
  if contest.matches:
    return []
  order = contest.drawn("circle", schedule.seed)
  whole = len(order) - 1 + len(order) % 2
  return [
    pair for number in range(min(most, whole)) for pair in circle(order, number)
  ]


def _knockout(contest: Contest, schedule: config.Schedule) -> list[Pair]:
  advanced = {
    (match.round, match.pair): match.advanced
    for match in contest.matches
    if match.advanced is not None
  }
  return brackets.pending(brackets.leaves(contest, schedule), advanced)


def _active(contest: Contest, schedule: config.Schedule) -> list[Pair]:
  """A knockout first, which meets everyone; then where it is uncertain."""
  left = budget(len(contest.entrants), schedule) - contest.spent
  most = left // schedule.games
  advanced = {
    (match.round, match.pair): match.pair[0]
    if match.winner is None
    else match.winner
    for match in contest.matches[: len(contest.entrants) - 1]
  }
  opening = brackets.pending(brackets.leaves(contest, schedule), advanced)
  if opening:
    return opening[:most]
  return active.pairs(contest, min(schedule.parallel, most), schedule.seed)


def _unknown(name: str) -> str:
  names = typing.get_args(Strategy)
  near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
  return (
    f"strategy={name!r} is not one of {list(names)}; did you mean {near[0]}?"
  )
