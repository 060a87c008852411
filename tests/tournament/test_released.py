"""RRM-7B's released knockouts, played again from its verdicts."""

import dataclasses
import json

import pytest

from rrm_jax import config
from rrm_jax.records import Verdict
from rrm_jax.tournament import report, run
from tests.tournament.groups import group, ordered


@pytest.fixture(scope="module")
def released(shared_data):
  """512 prompts' matches of 32 candidates, and the bracket's leaves."""
  folder = shared_data / "rrm_released"
  with (folder / "rrm_7b_mmlu_pro_knockout.jsonl").open() as file:
    rows = [json.loads(line) for line in file]
  bracket = json.loads((folder / "tournament.json").read_text())
  leaves = tuple(place for pair in bracket["round_1"] for place in pair)
  return rows, leaves


@pytest.fixture(scope="module")
def replayed(released):
  rows, leaves = released
  winners = {
    (f"q{row['question_id']}", frozenset(pair)): winner
    for row in rows
    for _, *pair, winner in row["matches"]
  }

  def judge(questions):
    return [
      dataclasses.replace(
        answer, verdict=Verdict(places(answer)[1].index(winner(answer)) + 1)
      )
      for answer in ordered()(questions)
    ]

  def places(answer):
    uid, pair = answer.uid.split("/")
    return uid, [int(place) for place in pair.split("-")]

  def winner(answer):
    uid, pair = places(answer)
    return winners[uid, frozenset(pair)]

  groups = [group(32, f"q{row['question_id']}") for row in rows]
  schedule = config.Schedule(bracket="given", leaves=leaves)
  return groups, run.play(groups, judge, schedule)


def test_the_same_matches_and_champions(released, replayed):
  rows, _ = released
  _, outcome = replayed
  assert len(outcome.judgements) == 512 * 31
  for row in rows:
    uid = f"q{row['question_id']}"
    found = [
      [match.round, *match.pair, match.winner]
      for match in outcome.contests[uid].matches
    ]
    assert found == row["matches"]
    assert outcome.champions[uid] == row["matches"][-1][-1]


def test_it_can_be_reported_on(replayed):
  groups, outcome = replayed
  found = report.figures(groups, outcome, config.Rating(), resamples=100)
  assert found["judgements_per_prompt"] == 31
  # A knockout's verdicts are a tree: nothing in it can be a cycle.
  assert found["consistency"]["triples"] == 0
  assert found["best_of"] is None
  assert len(found["leaderboard"]) == 32
  for row in found["results"]:
    assert row["chosen"] == outcome.champions[row["id"]]
  # Who won five matches is rated best as well.
  agree = sum(
    row["ratings"][row["chosen"]] == max(row["ratings"])
    for row in found["results"]
  )
  assert agree == 512
