"""What a tournament leaves behind: `report.json` and `matches.jsonl`.

`report.json` is one object:

  prompts           how many
  candidates        how many in all; `contestants` counts equal texts once
  judgements        in all; `judgements_per_prompt` the mean; `rounds`
  schedule, rating  the rules, field by field as in `config.Schedule` and
                    `config.Rating`
  judge             what `analysis.accuracy.summary` says of the judgements
                    (the caller passes it: invalid_rate, first_rate, flip_rate,
                    thinking_tokens, and accuracy on pairs of which one
                    candidate is correct), or null
  consistency       see `cycles.summary`
  best_of           see `best_of.figures`; null where nothing is known correct
  leaderboard       see `leaderboard.table`; null where prompts differ in size
  results           a row for each prompt, in their order: `id`, `subset`,
                    `judgements`, `chosen` (a place, from 0), `correct` (of the
                    chosen one; null if unknown), `ratings` (one for each
                    candidate, by rating.method), `equal_to` (for each candidate
                    the first place with the same text)

`matches.jsonl` has a line for each match, prompt by prompt in the order of
play: `id` (the prompt's), `round`, `pair` (two places; the upper one of a
bracket first), `winner` (a place; null if neither won more games), `advanced`
(who goes on in a knockout, else null), `comparison` (the uid of its
judgements, whose response 1 is the lower place), and `games`: `sample_id`,
`swapped`, `winner`, `valid` of each. A judgement is found by (comparison,
sample_id, swapped).
"""

import dataclasses
from collections.abc import Mapping, Sequence

from rrm_jax import config
from rrm_jax.records import Candidates, Game, Match
from rrm_jax.tournament import (
  best_of,
  contests,
  cycles,
  leaderboard,
  standings,
)
from rrm_jax.tournament.run import Outcome


def figures(
  groups: Sequence[Candidates],
  outcome: Outcome,
  rating: config.Rating,
  *,
  judge: Mapping | None = None,
  extract: best_of.Extract | None = None,
  resamples: int = 2_000,
  seed: int = 0,
) -> dict:
  """The object of `report.json`; see the top of this file.

  Args:
    groups: The prompts.
    outcome: What was played.
    rating: How outcomes become ratings.
    judge: What is known of the judge itself.
    extract: The final answer of a response, for the candidates' majority.
    resamples: Of every bootstrap.
    seed: Of every bootstrap.
  """
  drawn = {"resamples": resamples, "seed": seed}
  one = dataclasses.asdict
  return {
    "prompts": len(groups),
    "candidates": sum(len(group.responses) for group in groups),
    "contestants": sum(len(c.entrants) for c in outcome.contests.values()),
    "judgements": len(outcome.judgements),
    "judgements_per_prompt": round(len(outcome.judgements) / len(groups), 4),
    "rounds": max((match.round for match in outcome.matches), default=0),
    "schedule": one(outcome.schedule),
    "rating": one(rating),
    "judge": None if judge is None else dict(judge),
    "consistency": cycles.summary(
      outcome.contests,
      {g.uid: len(g.responses) for g in groups},
      rating.prior,
    ),
    "best_of": best_of.figures(
      groups, outcome, rating, extract=extract, **drawn
    ),
    "leaderboard": leaderboard.table(groups, outcome, rating, **drawn),
    "results": [_result(group, outcome, rating) for group in groups],
  }


def match_row(match: Match) -> dict:
  """The object of a line of `matches.jsonl`; see the top of this file."""
  return {
    "id": match.uid,
    "round": match.round,
    "pair": list(match.pair),
    "winner": match.winner,
    "advanced": match.advanced,
    "comparison": match.comparison_uid,
    "games": [game._asdict() for game in match.games],
  }


def match_from_row(row: Mapping) -> Match:
  """The match of a line of `matches.jsonl`."""
  first, second = row["pair"]
  return Match(
    uid=row["id"],
    round=row["round"],
    pair=(first, second),
    games=tuple(Game(**game) for game in row["games"]),
    winner=row["winner"],
    advanced=row["advanced"],
  )


def _result(group: Candidates, outcome: Outcome, rating: config.Rating) -> dict:
  contest = outcome.contests[group.uid]
  found = standings.standing(group, contest, outcome.schedule, rating)
  right = None if group.correct is None else group.correct[found.chosen]
  return {
    "id": group.uid,
    "subset": group.subset,
    "judgements": contest.spent,
    "chosen": found.chosen,
    "correct": right,
    "ratings": [round(value, 6) for value in found.ratings.tolist()],
    "equal_to": list(contests.representatives(group.responses)),
  }
