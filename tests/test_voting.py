"""What is asked for votes, and what they come to."""

import collections
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax import voting
from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Message,
  Verdict,
)
from rrm_jax.text import templates

COMPARISONS = [
  Comparison(f"row-{i}", (Message("user", "Q"),), ("a", "b")) for i in range(40)
]


def votes(*winners, uid="x"):
  return [
    Judgement(
      uid, i, False,
      Verdict(winner) if winner else Verdict(None, Invalid.NO_BOX),
      "", 1, 1, 1, Finish.STOPPED,
    )
    for i, winner in enumerate(winners)
  ]  # fmt: skip


def test_orders():
  def shown(order, seed=0):
    asked = voting.questions(COMPARISONS, 3, order, seed)
    return [(q.comparison.uid, q.sample_id, q.swapped) for q in asked]

  plain = [(c.uid, vote, False) for c in COMPARISONS for vote in range(3)]
  assert shown("given") == plain
  assert shown("both") == [
    (c.uid, vote, swapped)
    for c in COMPARISONS
    for swapped in (False, True)
    for vote in range(3)
  ]
  assert shown("hashed", 5) == [
    (uid, vote, templates.shown_swapped(uid, 5)) for uid, vote, _ in plain
  ]
  drawn = shown("random")
  assert [row[:2] for row in drawn] == [row[:2] for row in plain]
  assert 40 < sum(row[2] for row in drawn) < 80
  assert drawn != shown("random", 1) and drawn == shown("random")
  # Votes on one comparison differ in what they see.
  seen = collections.defaultdict(set)
  for uid, _, swapped in drawn:
    seen[uid].add(swapped)
  assert sum(len(found) == 2 for found in seen.values()) > 20


def test_a_random_order_does_not_hang_on_how_many_votes():
  few = voting.questions(COMPARISONS, 2, "random")
  many = voting.questions(COMPARISONS, 5, "random")
  assert set(few) < set(many)


def test_what_makes_no_sense():
  # Tests check types as well, which a user's notebook does not.
  questions, decision = map(inspect.unwrap, (voting.questions, voting.decision))
  with pytest.raises(ValueError, match=r"order='booth' is not one of .*both"):
    questions(COMPARISONS, 1, "booth")
  with pytest.raises(ValueError, match="votes=0 must be at least 1"):
    voting.questions(COMPARISONS, 0)
  with pytest.raises(ValueError, match="invalid='lose' is not one of"):
    decision(votes(1), "lose")
  with pytest.raises(ValueError, match="'x' and 'y'"):
    voting.decision([*votes(1), *votes(2, uid="y")])
  assert voting.questions([], 3, "both") == []


@pytest.mark.parametrize(
  ("winners", "invalid", "winner", "count"),
  [
    ((1, 1, 2), "missing", 1, (2, 1)),
    ((2, 2, 1), "missing", 2, (1, 2)),
    ((1, 2), "missing", None, (1, 1)),
    ((None, None, 2), "missing", 2, (0, 1)),
    ((None, None, 2), "draw", 2, (1, 2)),
    ((None, None), "missing", None, (0, 0)),
    ((None, None), "draw", None, (1, 1)),
    ((), "missing", None, (0, 0)),
  ],
)
def test_majority(winners, invalid, winner, count):
  made = votes(*winners)
  found = voting.decision(made, invalid)
  assert (found.winner, found.votes) == (winner, count)
  assert found.invalid == winners.count(None)
  assert found.judgements == tuple(made)


def test_a_coin_is_fair_and_always_falls_the_same():
  falls = [
    voting.decision(votes(None, uid=f"row-{i}"), "coin") for i in range(2_000)
  ]
  again = [
    voting.decision(votes(None, uid=f"row-{i}"), "coin") for i in range(2_000)
  ]
  assert falls == again
  ones = sum(found.winner == 1 for found in falls)
  assert 900 < ones < 1_100  # 4.5 standard deviations
  assert {found.winner for found in falls} == {1, 2}
  assert all(found.invalid == 1 for found in falls)


@given(
  st.lists(st.sampled_from([1, 2, None])), st.sampled_from(["draw", "coin"])
)
def test_every_vote_counts_once(winners, invalid):
  assert sum(voting.decision(votes(*winners), invalid).votes) == len(winners)
