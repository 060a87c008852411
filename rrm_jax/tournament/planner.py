"""How many judgements find the best, given how often the judge errs.

  rows = planner.simulate(planner.imagined(candidates=8), errors=(0.05, 0.2))
  print(planner.needed(rows, probability=0.9))

Every strategy plays the prompts against judges that err in a known share of
their verdicts (`simulated.flat`), through the same code as a real tournament.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from rrm_jax import config, intervals, stable_hash
from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import schedules, simulated, standings
from rrm_jax.tournament.run import Outcome, play


@dataclasses.dataclass(frozen=True)
class Row:
  """One strategy, played at one price against one judge.

  Attributes:
    error: The judge's share of wrong verdicts.
    strategy: Who met whom.
    games: Judgements of a match.
    judgements: Mean per prompt.
    accuracy: How often the chosen candidate is right, with its interval.
  """

  error: float
  strategy: str
  games: int
  judgements: float
  accuracy: intervals.Interval


def imagined(
  candidates: int, right: int = 1, prompts: int = 500, seed: int = 0
) -> list[Candidates]:
  """Prompts with so many candidates, of which some are right.

  Raises:
    ValueError: there are fewer than two candidates, or none is right or wrong.
  """
  if candidates < 2 or not 0 < right < candidates or prompts < 1:
    raise ValueError(
      f"candidates={candidates} must be at least 2, right={right} between 1 "
      f"and {candidates - 1}, and prompts={prompts} at least 1"
    )
  return [_prompt(f"{seed}-{i}", candidates, right) for i in range(prompts)]


def simulate(
  groups: Sequence[Candidates],
  errors: Sequence[float],
  *,
  most: int = 0,
  rating: config.Rating | None = None,
  seed: int = 0,
) -> list[Row]:
  """Plays all strategies against a judge of each error.

  Knockout, swiss and round robin are made better by more games a match, active
  by a larger budget.

  Args:
    groups: Prompts of whose candidates it is known which are correct.
    errors: Shares of wrong verdicts.
    most: Judgements of a prompt at most; 0 for 8 (N - 1).
    rating: What names the best; Bradley-Terry if None.
    seed: Of brackets, mistakes and intervals.

  Raises:
    ValueError: an error is no share, or of some prompt nothing is known.
  """
  for group in groups:
    if group.correct is None:
      raise ValueError(
        f"{group.uid!r} does not say which candidates are correct; add "
        "`correct` or leave it out"
      )
  count = max(len(set(group.responses)) for group in groups)
  most = most or 8 * (count - 1)
  rating = rating or config.Rating()
  rows: list[Row] = []
  for error in errors:
    judge = simulated.flat(error, seed)
    for schedule in _schedules(count, most, seed):
      outcome = play(groups, judge, schedule)
      for budget in _budgets(count, most, schedule):
        rows.append(_row(groups, outcome, budget, error, rating, seed))
  return rows


def needed(
  rows: Sequence[Row], probability: float
) -> dict[tuple[float, str], float | None]:
  """The fewest judgements per prompt with which each strategy is right.

  Args:
    rows: What `simulate` gives.
    probability: How often it has to be right.

  Returns:
    By error and strategy; None where no price that was tried is enough.

  Raises:
    ValueError: the probability is none.
  """
  if not 0 < probability <= 1:
    raise ValueError(f"probability={probability} must be in (0, 1]")
  found: dict[tuple[float, str], float | None] = {}
  for row in sorted(rows, key=lambda row: row.judgements):
    key = row.error, row.strategy
    enough = row.accuracy.mean >= probability
    if found.setdefault(key, None) is None and enough:
      found[key] = row.judgements
  return found


def _prompt(name: str, candidates: int, right: int) -> Candidates:
  places = sorted(
    range(candidates),
    key=lambda place: stable_hash.fraction("imagined", name, str(place)),
  )
  return Candidates(
    uid=f"imagined-{name}",
    conversation=(Message("user", "Which is right?"),),
    responses=tuple(f"Candidate {place}." for place in range(candidates)),
    correct=tuple(place in places[:right] for place in range(candidates)),
  )


def _schedules(count: int, most: int, seed: int) -> Iterator[config.Schedule]:
  """What is affordable; active once, as its start is what less would buy."""
  for strategy in ("knockout", "swiss", "round_robin"):
    for games in (1, 2, 3, 4, 5, 7, 9, 11, 13, 15):
      schedule = config.Schedule(strategy, games=games, seed=seed)
      if schedules.cost(count, schedule) <= most:
        yield schedule
  if most >= count - 1:
    yield config.Schedule("active", budget=most, seed=seed)


def _budgets(count: int, most: int, schedule: config.Schedule) -> Sequence[int]:
  if schedule.strategy != "active":
    return (most,)
  return range(count - 1, most + 1, count - 1)


def _row(
  groups: Sequence[Candidates],
  outcome: Outcome,
  budget: int,
  error: float,
  rating: config.Rating,
  seed: int,
) -> Row:
  schedule = outcome.schedule
  values, spent = [], []
  for group in groups:
    contest = standings.after(outcome.contests[group.uid], budget, schedule)
    found = standings.standing(group, contest, schedule, rating)
    values.append(found.shares @ np.array(group.correct, float))
    spent.append(contest.spent)
  return Row(
    error=error,
    strategy=schedule.strategy,
    games=schedule.games,
    judgements=float(np.mean(spent)),
    accuracy=intervals.bootstrap(np.array(values), seed=seed),
  )
