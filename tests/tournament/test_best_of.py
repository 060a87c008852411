"""What is chosen, how often it is right, and the curve by judgements."""

import dataclasses

import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import best_of, contests, run, simulated, standings
from tests.tournament.groups import group, ordered

RATING = config.Rating()


def one_right(uid, count=4, right=0):
  flags = tuple(place == right for place in range(count))
  return group(count, uid, flags)


def test_a_perfect_judge_reaches_the_oracle():
  groups = [one_right(f"p{i}", right=i % 4) for i in range(40)]
  for strategy in ("knockout", "round_robin", "swiss", "active"):
    schedule = config.Schedule(strategy)
    outcome = run.play(groups, simulated.flat(0.0), schedule)
    found = best_of.figures(groups, outcome, RATING, resamples=50)
    assert found["random"]["accuracy"] == 0.25
    assert found["oracle"]["accuracy"] == 1.0
    assert found["over_random"]["accuracy"] == pytest.approx(
      found["chosen"]["accuracy"] - 0.25
    )
    assert found["majority"] is None
    if strategy in ("knockout", "round_robin"):
      assert found["chosen"] == {"accuracy": 1.0, "low": 1.0, "high": 1.0}
    curve = found["curve"]
    assert curve[0] == {"judgements": 0.0, **found["random"]}
    spent = len(outcome.judgements) / len(groups)
    assert curve[-1] == {"judgements": spent, **found["chosen"]}


def test_a_knockout_s_curve_is_who_still_stands():
  one = one_right("p", 4, right=0)
  schedule = config.Schedule(bracket="given", leaves=(0, 1, 2, 3), games=3)
  outcome = run.play([one], simulated.flat(0.0), schedule)
  curve = best_of.figures([one], outcome, RATING, resamples=10)["curve"]
  assert [(point["judgements"], point["accuracy"]) for point in curve] == [
    (0, 0.25), (1, 0.25), (2, 0.25),
    (3, 0.3333), (4, 0.3333), (5, 0.3333),
    (6, 0.5), (7, 0.5), (8, 0.5), (9, 1.0),
  ]  # fmt: skip


def test_what_a_smaller_budget_would_have_bought():
  groups = [group(6, f"p{i}") for i in range(5)]
  judge = ordered(0.7)

  def played(budget):
    schedule = config.Schedule("active", budget=budget)
    return run.play(groups, judge, schedule)

  large = played(30)
  for budget in (5, 11, 29):
    small = played(budget)
    for uid, contest in large.contests.items():
      cut = standings.after(contest, budget, large.schedule)
      assert cut == small.contests[uid]


def test_second_games_come_after_all_first_ones():
  schedule = config.Schedule("round_robin", games=2)
  outcome = run.play([group(4)], ordered(), schedule)
  single = run.play([group(4)], ordered(), config.Schedule("round_robin"))
  cut = standings.after(outcome.contests["p"], 6, schedule)
  games = [match.games for match in cut.matches]
  assert games == [match.games for match in single.matches]


def test_equals_share_and_the_choice_among_them_is_drawn():
  silent = simulated.invalid(simulated.flat(0.0), 1.0)
  groups = [one_right(f"p{i}") for i in range(400)]
  schedule = config.Schedule("round_robin")
  outcome = run.play(groups, silent, schedule)
  found = best_of.figures(groups, outcome, RATING, resamples=10)
  assert found["chosen"] == {"accuracy": 0.25, "low": 0.25, "high": 0.25}
  chosen = [
    standings.standing(g, outcome.contests[g.uid], schedule, RATING).chosen
    for g in groups
  ]
  assert abs(chosen.count(0) - 100) < 4 * 9


@pytest.mark.parametrize("method", ["bradley_terry", "elo", "win_rate"])
def test_equal_texts_share_a_rating(method):
  one = Candidates("p", (Message("user", "?"),), ("a", "b", "a"))
  judge = simulated.planted({"a": 9.0, "b": 0.0}.__getitem__)
  schedule = config.Schedule("round_robin")
  outcome = run.play([one], judge, schedule)
  found = standings.standing(
    one, outcome.contests["p"], schedule, config.Rating(method)
  )
  assert found.ratings[0] == found.ratings[2] > found.ratings[1]
  assert found.shares.tolist() == [0.5, 0.0, 0.5]
  assert found.chosen == 0


def test_the_majority_by_hand():
  one = Candidates("p", (Message("user", "?"),), ("4", "5", "4.0", "?", "6"))

  def answer(text):
    return None if text == "?" else f"{float(text):g}"

  assert best_of.majority(one, answer).tolist() == [0.5, 0, 0.5, 0, 0]
  two = dataclasses.replace(one, responses=("4", "5", "?"))
  assert best_of.majority(two, answer).tolist() == [0.5, 0.5, 0]
  np.testing.assert_allclose(best_of.majority(one, lambda _: None), 0.2)


def test_only_what_is_known_counts():
  groups = [one_right("p"), group(3, "q")]
  outcome = run.play(groups, simulated.flat(0.0), config.Schedule())
  assert best_of.figures(groups, outcome, RATING, resamples=10)["prompts"] == 1
  assert best_of.figures(groups[1:], outcome, RATING) is None


def test_the_representative_is_the_first():
  assert contests.representatives(["a", "b", "a", "c", "b"]) == (0, 1, 0, 3, 1)
