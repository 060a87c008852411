"""Who meets whom: counts, byes, brackets, and what cannot be played."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.config import from_mapping
from rrm_jax.tournament import brackets, contests, run, schedules, simulated
from tests.tournament.groups import group, ordered

STRATEGIES = ("knockout", "round_robin", "random", "swiss", "active")


def played(count, judge=None, uid="p", **fields):
  judge = judge or simulated.flat(0.3)
  return run.play([group(count, uid)], judge, config.Schedule(**fields))


@pytest.mark.parametrize("bracket", ["random", "seeded", "given"])
@pytest.mark.parametrize("count", range(1, 65))
def test_a_knockout_plays_all_but_one(count, bracket):
  leaves = tuple(range(count))[::-1] if bracket == "given" else ()
  outcome = played(count, bracket=bracket, leaves=leaves)
  matches = outcome.matches
  assert len(matches) == len(outcome.judgements) == count - 1
  losers = [next(p for p in m.pair if p != m.advanced) for m in matches]
  assert len(set(losers)) == count - 1
  assert set(range(count)) - set(losers) == {outcome.champions["p"]}
  rounds = max((match.round for match in matches), default=0)
  assert rounds == (count - 1).bit_length()
  # Byes skip the first round and no other.
  sizes = collections.Counter(match.round for match in matches)
  for number in range(2, rounds + 1):
    assert sizes[number] == 2 ** (rounds - number)


def test_the_seeded_bracket_by_hand():
  leaves = brackets.leaves(
    contests.contest(group(6)), config.Schedule(bracket="seeded")
  )
  assert leaves == [0, None, 3, 4, 1, None, 2, 5]
  pairs = [match.pair for match in played(6, bracket="seeded").matches]
  assert pairs[:2] == [(3, 4), (2, 5)]


def test_a_given_bracket_is_kept_and_byes_come_last():
  outcome = played(5, ordered(), bracket="given", leaves=(4, 2, 0, 1, 3))
  assert [match.pair for match in outcome.matches] == [
    (4, 2),
    (4, 0),
    (1, 3),
    (4, 3),
  ]
  assert outcome.champions == {"p": 4}


def test_random_brackets_differ_by_prompt_and_seed_and_nothing_else():
  def leaves(uid, seed):
    return brackets.leaves(
      contests.contest(group(16, uid)), config.Schedule(seed=seed)
    )

  assert leaves("p", 0) == leaves("p", 0)
  assert leaves("p", 0) != leaves("q", 0)
  assert leaves("p", 0) != leaves("p", 1)
  firsts = collections.Counter(leaves(str(i), 0)[0] for i in range(800))
  assert all(abs(firsts[place] - 50) < 4 * 7 for place in range(16))


@pytest.mark.parametrize("count", range(2, 13))
def test_a_round_robin_is_every_pair_once(count):
  pairs = [m.pair for m in played(count, strategy="round_robin").matches]
  assert sorted(tuple(sorted(pair)) for pair in pairs) == contests.pairs_of(
    range(count)
  )
  # In circles: nobody plays twice in the first half-dozen.
  first = [place for pair in pairs[: count // 2] for place in pair]
  assert len(first) == len(set(first))


@given(
  count=st.integers(2, 40), opponents=st.integers(1, 8), seed=st.integers(0, 9)
)
@settings(max_examples=40, deadline=None)
def test_random_opponents_are_distinct_and_evenly_many(count, opponents, seed):
  outcome = played(count, strategy="random", opponents=opponents, seed=seed)
  pairs = [frozenset(match.pair) for match in outcome.matches]
  assert len(pairs) == len(set(pairs))
  assert all(len(pair) == 2 for pair in pairs)
  met = collections.Counter(place for pair in pairs for place in pair)
  wanted = min(opponents, count - 1)
  assert all(
    met[place] in (wanted, wanted - count % 2) for place in range(count)
  )
  if opponents > 1:
    reached, frontier = {0}, [0]
    while frontier:
      place = frontier.pop()
      for pair in pairs:
        if place in pair and not pair <= reached:
          frontier += pair - reached
          reached |= pair
    assert reached == set(range(count))


@given(count=st.integers(2, 33), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_swiss_repeats_no_pair_and_rests_nobody_twice(count, seed):
  most = (count + 1) // 2
  outcome = played(
    count, ordered(0.1, seed), strategy="swiss", rounds=most, seed=seed
  )
  matches = outcome.matches
  pairs = [frozenset(match.pair) for match in matches]
  assert len(set(pairs)) == len(pairs) == most * (count // 2)
  for number in range(1, most + 1):
    seated = [p for m in matches if m.round == number for p in m.pair]
    assert len(seated) == len(set(seated)) == count - count % 2
  seats = collections.Counter(
    place for match in matches for place in match.pair
  )
  assert min(seats[place] for place in range(count)) >= most - 1


def test_swiss_pairs_winners_with_winners():
  outcome = played(8, ordered(), strategy="swiss")
  wins = collections.Counter()
  for number in (1, 2, 3):
    for match in (m for m in outcome.matches if m.round == number):
      assert wins[match.pair[0]] == wins[match.pair[1]]
    wins.update(m.winner for m in outcome.matches if m.round == number)
  assert wins[7] == 3


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("count", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("games", [1, 2, 3])
def test_the_cost_is_known_beforehand(strategy, count, games):
  schedule = config.Schedule(strategy, games=games)
  outcome = run.play([group(count)], simulated.flat(0.2), schedule)
  assert len(outcome.judgements) == schedules.cost(count, schedule)


@pytest.mark.parametrize("budget", [7, 8, 13, 30])
@pytest.mark.parametrize("parallel", [1, 3])
def test_active_spends_its_budget(budget, parallel):
  outcome = played(8, strategy="active", budget=budget, parallel=parallel)
  assert len(outcome.judgements) == budget
  pairs = [m.pair for m in outcome.matches[:7]]
  assert {place for pair in pairs for place in pair} == set(range(8))
  for number in range(4, max(m.round for m in outcome.matches) + 1):
    seated = [p for m in outcome.matches if m.round == number for p in m.pair]
    assert len(seated) == len(set(seated)) <= 2 * parallel


def test_active_asks_about_those_that_may_be_best():
  outcome = played(8, ordered(2.0), strategy="active", budget=42)
  asked = collections.Counter(p for m in outcome.matches[7:] for p in m.pair)
  # The best is in nearly every pair, with those next to it more than others.
  assert asked[7] > 0.45 * asked.total()
  assert asked[6] + asked[5] > 1.5 * (asked[1] + asked[0])


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    (
      {"strategy": "active", "budget": 6},
      "budget=6 is below 7, the fewest .* all of the 8 different candidates",
    ),
    ({"budget": 6}, "budget=6 is below 7"),
    (
      {"strategy": "round_robin", "budget": 27},
      "round_robin takes 28 judgements .* above budget=27",
    ),
    ({"strategy": "swiss", "rounds": 5}, "rounds=5 of swiss are too many"),
    (
      {"bracket": "given", "leaves": (1, 0, 2)},
      "leaves holds 3 candidates and 'p' has 8",
    ),
  ],
)
def test_what_cannot_be_played_is_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    played(8, **fields)


@pytest.mark.parametrize(
  ("name", "near"), [("knokout", "knockout"), ("Swiss", "swiss")]
)
def test_an_unknown_strategy_is_refused_with_the_nearest(name, near):
  schedule = config.Schedule()
  # As whoever checks no types might have it.
  object.__setattr__(schedule, "strategy", name)
  with pytest.raises(ValueError, match=f"={name!r} .* did you mean {near}"):
    run.play([group(3)], simulated.flat(0.1), schedule)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"strategy": "knokout"}, r"strategy='knokout' .* mean knockout"),
    ({"games": 0}, "config: games=0 must be at least 1"),
    ({"rounds": -1}, "rounds=-1 is negative"),
    ({"leaves": [0, 1]}, "give leaves with the bracket 'given'"),
    ({"bracket": "given"}, "give leaves with the bracket 'given'"),
    ({"bracket": "given", "leaves": [0, 2]}, "must hold each of 0 to 1 once"),
    ({"budjet": 3}, "did you mean config.budget"),
  ],
)
def test_bad_fields_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    from_mapping(config.Schedule, fields)
