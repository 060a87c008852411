"""Plays tournaments: rounds of questions to any judge, for many prompts.

  outcome = run.play(groups, judging, config.Schedule("knockout", games=3))
  best = outcome.champions["prompt 7"]

The judge is asked once a round, about every prompt that is still open, and
may remember: a question depends on its pair and its number alone.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from rrm_jax import config, stable_hash
from rrm_jax.records import (
  Candidates,
  Game,
  Judgement,
  Judging,
  Match,
  Question,
)
from rrm_jax.tournament import brackets, contests, schedules
from rrm_jax.tournament.contests import Contest, Pair


@dataclasses.dataclass(frozen=True)
class Progress:
  """How far a tournament is, after a round.

  Attributes:
    round: Rounds played.
    open: Prompts that played in it.
    prompts: All prompts.
    judgements: Made so far.
    most: Judgements that the whole tournament takes at most.
  """

  round: int
  open: int
  prompts: int
  judgements: int
  most: int


@dataclasses.dataclass(frozen=True)
class Outcome:
  """A tournament that was played.

  Attributes:
    contests: By the prompt's uid, with all matches in the order of play.
    judgements: Everything that the judge said, in the order asked.
    schedule: The rules that were kept.
  """

  contests: Mapping[str, Contest]
  judgements: tuple[Judgement, ...]
  schedule: config.Schedule

  @property
  def matches(self) -> list[Match]:
    """All matches, prompt by prompt."""
    return [m for one in self.contests.values() for m in one.matches]

  @property
  def champions(self) -> dict[str, int]:
    """The winners of knockouts, by prompt; empty for other strategies."""
    if self.schedule.strategy != "knockout":
      return {}
    return {
      uid: brackets.standing(one)[0] for uid, one in self.contests.items()
    }


def play(
  groups: Sequence[Candidates],
  judging: Judging,
  schedule: config.Schedule,
  progress: Callable[[Progress], None] | None = None,
) -> Outcome:
  """Plays every prompt's tournament to its end, a round of all at a time.

  Candidates with the same text compete as one, for which the first stands.

  Args:
    groups: Prompts with their candidates.
    judging: Answers questions, in their order.
    schedule: Who meets whom, and the rules of a match.
    progress: Told after each round.

  Raises:
    ValueError: there are no prompts, two have the same uid, one cannot be
      played by this schedule, or the judge answered something else.
  """
  by_uid = _checked(groups, schedule)
  open_ = {group.uid: contests.contest(group) for group in groups}
  most = sum(
    schedules.cost(len(one.entrants), schedule) for one in open_.values()
  )
  said: list[Judgement] = []
  number = 0
  while True:
    fixtures = [
      (one.uid, pair)
      for one in open_.values()
      for pair in schedules.next_pairs(one, schedule)
    ]
    if not fixtures:
      return Outcome(open_, tuple(said), schedule)
    number += 1
    asked = list(_asked(fixtures, open_, by_uid, schedule))
    answers = _answered(judging, asked)
    said += answers
    played = _matches(fixtures, answers, number, schedule)
    open_ = {
      uid: dataclasses.replace(one, matches=(*one.matches, *played[uid]))
      if uid in played
      else one
      for uid, one in open_.items()
    }
    if progress is not None:
      state = Progress(number, len(played), len(groups), len(said), most)
      progress(state)


def _checked(
  groups: Sequence[Candidates], schedule: config.Schedule
) -> dict[str, Candidates]:
  if not groups:
    raise ValueError("there are no prompts; give at least one with candidates")
  by_uid: dict[str, Candidates] = {}
  for group in groups:
    if group.uid in by_uid:
      raise ValueError(
        f"uid {group.uid!r} is that of two prompts, from {group.source or '?'} "
        f"and {by_uid[group.uid].source or '?'}; each needs its own"
      )
    if not group.responses:
      raise ValueError(f"{group.uid!r} has no candidates; give at least one")
    schedules.check(group, schedule)
    by_uid[group.uid] = group
  return by_uid


def _asked(
  fixtures: Sequence[tuple[str, Pair]],
  open_: Mapping[str, Contest],
  by_uid: Mapping[str, Candidates],
  schedule: config.Schedule,
) -> Iterator[Question]:
  """The questions of a round, a match after the other."""
  met = {uid: contests.meetings(open_[uid]) for uid, _ in fixtures}
  for uid, pair in fixtures:
    before = met[uid][min(pair), max(pair)]
    for game in range(before, before + schedule.games):
      yield contests.question(by_uid[uid], pair, game, schedule.seed)


def _answered(judging: Judging, asked: Sequence[Question]) -> list[Judgement]:
  answers = list(judging(asked))
  if len(answers) != len(asked):
    raise ValueError(
      f"the judge gave {len(answers)} answers to {len(asked)} questions; it "
      "must answer each, in their order"
    )
  for question, answer in zip(asked, answers, strict=True):
    wanted = question.comparison.uid, question.sample_id, question.swapped
    found = answer.uid, answer.sample_id, answer.swapped
    if wanted != found:
      raise ValueError(
        f"the judge was asked {wanted} (uid, sample_id, swapped) and answered "
        f"{found}; it must answer each question, in their order"
      )
  return answers


def _matches(
  fixtures: Sequence[tuple[str, Pair]],
  answers: Sequence[Judgement],
  number: int,
  schedule: config.Schedule,
) -> dict[str, list[Match]]:
  """The round's matches by prompt."""
  played: dict[str, list[Match]] = defaultdict(list)
  for i, (uid, pair) in enumerate(fixtures):
    votes = answers[i * schedule.games : (i + 1) * schedule.games]
    played[uid].append(_match(uid, pair, votes, number, schedule))
  return played


def _match(
  uid: str,
  pair: Pair,
  votes: Sequence[Judgement],
  number: int,
  schedule: config.Schedule,
) -> Match:
  games = tuple(_game(vote, pair, schedule) for vote in votes)
  winners = [game.winner for game in games]
  lead = winners.count(pair[0]) - winners.count(pair[1])
  winner = None if lead == 0 else pair[lead < 0]
  match = Match(uid, number, pair, games, winner)
  if schedule.strategy != "knockout":
    return match
  advanced = _by_rule(match, schedule) if winner is None else winner
  return dataclasses.replace(match, advanced=advanced)


def _game(vote: Judgement, pair: Pair, schedule: config.Schedule) -> Game:
  """Reads a judgement; verdicts are in the data's order."""
  places = sorted(pair)
  valid = vote.verdict.winner is not None
  winner = None
  if vote.verdict.winner is not None:
    winner = places[vote.verdict.winner - 1]
  elif schedule.invalid == "coin":
    key = "invalid", str(schedule.seed), vote.uid
    number = f"{vote.sample_id}{'ba'[vote.swapped]}"
    winner = places[stable_hash.coin(*key, number)]
  return Game(vote.sample_id, vote.swapped, winner, valid)


def _by_rule(match: Match, schedule: config.Schedule) -> int:
  """Who goes on although neither won more games."""
  if schedule.tie == "earlier":
    return match.pair[0]
  coin = stable_hash.coin("tie", str(schedule.seed), match.comparison_uid)
  return min(match.pair) if coin else max(match.pair)
