"""Tournaments against known judges: rules, slots, order of answers."""

import collections
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import contests, run, simulated
from tests.tournament.groups import group, ordered

STRATEGIES = ("knockout", "round_robin", "random", "swiss", "active")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_prompts_advance_together_and_alone_alike(strategy):
  groups = [group(2, "p2"), group(3, "p3"), group(8, "p8"), group(5, "q")]
  judge = simulated.flat(0.3)
  schedule = config.Schedule(strategy)
  batches = []

  def counted(questions):
    batches.append({q.comparison.uid.split("/")[0] for q in questions})
    return judge(questions)

  whole = run.play(groups, counted, schedule)
  assert batches[0] == {"p2", "p3", "p8", "q"}
  for one in groups:
    alone = run.play([one], judge, schedule)
    assert alone.contests[one.uid] == whole.contests[one.uid]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("invalid", ["missing", "draw", "coin"])
def test_a_judge_without_verdicts_comes_to_an_end(strategy, invalid):
  silent = simulated.invalid(simulated.flat(0.0), 1.0)
  schedule = config.Schedule(strategy, games=2, invalid=invalid)
  outcome = run.play([group(7)], silent, schedule)
  games = [game for match in outcome.matches for game in match.games]
  assert games and not any(game.valid for game in games)
  assert all((game.winner is None) == (invalid != "coin") for game in games)
  if strategy == "knockout":
    assert outcome.champions["p"] in range(7)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_question_is_new(strategy):
  schedule = config.Schedule(strategy, games=3, budget=0)
  asked = []

  def judge(questions):
    asked.extend(questions)
    return simulated.flat(0.4)(questions)

  run.play([group(6), group(6, "q")], judge, schedule)
  keys = [(q.comparison.uid, q.sample_id, q.swapped) for q in asked]
  assert len(set(keys)) == len(keys)


def test_games_show_both_orders_in_turn():
  pair = (2, 5)
  asked = [contests.question(group(6), pair, game) for game in range(6)]
  assert [q.sample_id for q in asked] == [0, 0, 1, 1, 2, 2]
  for first, second in zip(asked[::2], asked[1::2], strict=True):
    assert first.swapped != second.swapped
  assert {q.comparison.uid for q in asked} == {"p/2-5"}
  assert asked == [contests.question(group(6), pair[::-1], g) for g in range(6)]


@given(
  count=st.integers(2, 20), uid=st.text(max_size=5), seed=st.integers(0, 9)
)
@settings(max_examples=40, deadline=None)
def test_slots_are_balanced_over_a_round_robin(count, uid, seed):
  first = collections.Counter()
  for pair in contests.pairs_of(range(count)):
    shown = contests.question(group(count, uid), pair, 0, seed)
    first[pair[1] if shown.swapped else pair[0]] += 1
  assert all(
    abs(first[place] - (count - 1) / 2) <= 0.5 for place in range(count)
  )


def test_strategies_ask_the_same_questions():
  def keys(**fields):
    found = set()

    def judge(questions):
      found.update(
        (q.comparison.uid, q.sample_id, q.swapped) for q in questions
      )
      return ordered()(questions)

    run.play([group(8)], judge, config.Schedule(**fields))
    return found

  everything = keys(strategy="round_robin", games=3)
  for strategy in ("knockout", "swiss", "random"):
    assert keys(strategy=strategy, games=3) < everything


@pytest.mark.parametrize("tie", ["coin", "earlier"])
def test_a_judge_that_only_looks_at_the_slot_leaves_it_to_the_rule(tie):
  first = simulated.biased(simulated.flat(0.0), 1.0)
  schedule = config.Schedule(games=2, tie=tie)
  groups = [group(2, f"p{i}") for i in range(200)]
  outcome = run.play(groups, first, schedule)
  assert all(match.winner is None for match in outcome.matches)
  upper = sum(match.advanced == match.pair[0] for match in outcome.matches)
  assert upper == 200 if tie == "earlier" else abs(upper - 100) < 4 * 7


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_equal_texts_compete_as_one(strategy):
  responses = ("a", "b", "a", "c", "b", "a")
  one = Candidates("p", (Message("user", "?"),), responses)
  outcome = run.play([one], simulated.flat(0.2), config.Schedule(strategy))
  assert outcome.contests["p"].entrants == (0, 1, 3)
  assert {p for m in outcome.matches for p in m.pair} == {0, 1, 3}
  same = dataclasses.replace(one, responses=("a",) * 6)
  outcome = run.play([same], simulated.flat(0.2), config.Schedule(strategy))
  assert (outcome.matches, outcome.judgements) == ([], ())
  if strategy == "knockout":
    assert outcome.champions == {"p": 0}


def test_the_label_says_which_is_right():
  one = group(4, correct=(True, False, True, False))
  labels = {
    pair: contests.comparison(one, pair).label
    for pair in contests.pairs_of(range(4))
  }
  assert labels == {
    (0, 1): 1, (0, 2): None, (0, 3): 1, (1, 2): 2, (1, 3): None, (2, 3): 1
  }  # fmt: skip


def test_votes_count_in_the_data_s_order():
  outcome = run.play([group(3)], ordered(), config.Schedule(games=3))
  for match in outcome.matches:
    assert match.winner == max(match.pair) == match.advanced
    assert {game.winner for game in match.games} == {match.winner}
    assert {game.swapped for game in match.games} == {True, False}


def test_progress_is_told():
  states = []
  groups = [group(4), group(2, "q")]
  run.play(groups, ordered(), config.Schedule(), states.append)
  assert states == [
    run.Progress(1, 2, 2, 3, 4),
    run.Progress(2, 1, 2, 4, 4),
  ]


@pytest.mark.parametrize(
  ("groups", "message"),
  [
    ([], "there are no prompts"),
    ([group(3), group(4)], "uid 'p' is that of two prompts"),
    ([group(0)], "'p' has no candidates"),
  ],
)
def test_bad_groups_are_refused(groups, message):
  with pytest.raises(ValueError, match=message):
    run.play(groups, ordered(), config.Schedule())


@pytest.mark.parametrize(
  ("wrong", "message"),
  [
    (lambda answers: answers[1:], "gave 1 answers to 2 questions"),
    (lambda answers: answers[::-1], r"was asked \('p/.*answer each question"),
  ],
)
def test_other_answers_than_asked_for_are_refused(wrong, message):
  with pytest.raises(ValueError, match=message):
    run.play([group(4)], lambda qs: wrong(ordered()(qs)), config.Schedule())
