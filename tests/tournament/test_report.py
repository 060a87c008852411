"""The files that a tournament leaves behind."""

import dataclasses
import json

import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.analysis import accuracy
from rrm_jax.records import Verdict
from rrm_jax.tournament import contests, leaderboard, report, run, simulated
from tests.tournament.groups import group, ordered

RATING = config.Rating()


def right(place, count=4):
  return tuple(number == place for number in range(count))


def test_a_report_is_json_and_whole():
  groups = [group(4, "p", right(2)), group(3, "q"), group(4, "r", right(0))]
  outcome = run.play(groups, simulated.flat(0.0), config.Schedule(games=3))
  found = report.figures(
    groups, outcome, RATING, judge={"invalid_rate": 0.0}, resamples=20
  )
  assert json.loads(json.dumps(found, allow_nan=False)) is not None
  assert (found["prompts"], found["candidates"]) == (3, 11)
  assert (found["judgements"], found["rounds"]) == (24, 2)
  assert found["judgements_per_prompt"] == 8.0
  assert found["judge"] == {"invalid_rate": 0.0}
  assert found["best_of"]["chosen"]["accuracy"] == 1.0
  assert found["leaderboard"] is None
  assert found["schedule"]["games"] == 3
  rows = found["results"]
  assert [row["id"] for row in rows] == ["p", "q", "r"]
  assert [row["chosen"] for row in rows[::2]] == [2, 0]
  assert [row["correct"] for row in rows] == [True, None, True]
  assert [len(row["ratings"]) for row in rows] == [4, 3, 4]
  assert rows[0]["equal_to"] == [0, 1, 2, 3]


@pytest.mark.parametrize("strategy", ["knockout", "round_robin"])
def test_matches_are_written_and_read(strategy):
  judge = simulated.invalid(simulated.flat(0.3), 0.4)
  schedule = config.Schedule(strategy, games=2)
  outcome = run.play([group(5)], judge, schedule)
  lines = [json.dumps(report.match_row(match)) for match in outcome.matches]
  again = [report.match_from_row(json.loads(line)) for line in lines]
  assert again == outcome.matches
  keys = {(j.uid, j.sample_id, j.swapped) for j in outcome.judgements}
  for line in map(json.loads, lines):
    for game in line["games"]:
      assert (line["comparison"], game["sample_id"], game["swapped"]) in keys


def test_a_leaderboard_of_models():
  groups = [group(5, f"p{i}", right(4, 5)) for i in range(200)]
  schedule = config.Schedule("round_robin")
  outcome = run.play(groups, ordered(0.6), schedule)
  rows = leaderboard.table(groups, outcome, RATING, resamples=200)
  assert [row["candidate"] for row in rows] == [4, 3, 2, 1, 0]
  assert [row["accuracy"] for row in rows] == [1, 0, 0, 0, 0]
  truth = 0.6 * (np.arange(5) - 2)
  for row in rows:
    assert row["low"] < row["bradley_terry"] < row["high"]
    assert row["bradley_terry"] == pytest.approx(
      truth[row["candidate"]], abs=0.25
    )
    assert row["games"] == 800
  for name in ("elo", "win_rate"):
    values = [row[name] for row in rows]
    assert values == sorted(values, reverse=True)
  again = leaderboard.table(groups, outcome, RATING, resamples=200)
  assert rows == again


def test_intervals_know_that_a_prompt_s_games_belong_together():
  groups = [group(2, f"p{i}") for i in range(40)]

  def split(questions):
    """Half of the prompts are won by 0 in all ten games, half by 1."""
    answers = ordered()(questions)
    return [
      dataclasses.replace(
        answer, verdict=Verdict(1 + int(answer.uid[1:-4]) % 2)
      )
      for answer in answers
    ]

  schedule = config.Schedule("round_robin", games=10)
  outcome = run.play(groups, split, schedule)
  rows = leaderboard.table(groups, outcome, RATING, resamples=500)
  # Half the log odds of 40 coins, not of 400: 2 * 1.96 * (2 / sqrt(40)) / 2.
  width = rows[0]["high"] - rows[0]["low"]
  assert width == pytest.approx(0.62, abs=0.12)


def test_the_judge_s_own_figures_come_from_the_analysis():
  groups = [group(6, f"p{i}", right(2, 6)) for i in range(30)]
  judge = simulated.invalid(simulated.biased(simulated.flat(0.1), 0.5), 0.2)
  schedule = config.Schedule("round_robin", games=2)
  outcome = run.play(groups, judge, schedule)
  pairs = contests.comparisons(groups, outcome.matches)
  assert len(pairs) == 30 * 15
  found = accuracy.summary(outcome.judgements, pairs)
  assert found["judgements"] == len(outcome.judgements) == 900
  assert found["unlabelled"] == 30 * 10
  assert found["invalid_rate"] == pytest.approx(0.2, abs=4 * 0.0134)
  assert found["first_rate"] == pytest.approx(0.75, abs=4 * 0.0162)
  # Half of the time slot and slot, else independent of each other or right.
  assert 0.5 < found["flip_rate"] < 0.7
  whole = report.figures(groups, outcome, RATING, judge=found, resamples=10)
  assert whole["judge"] == found
