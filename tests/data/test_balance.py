"""Lengths that say nothing about which answer is right."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.data import balance
from rrm_jax.records import Comparison, Message

lengths = st.lists(
  st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=6),
  max_size=12,
)


def pair(uid, right, wrong, label=1):
  texts = ("r" * right, "w" * wrong)
  responses = texts if label == 1 else texts[::-1]
  return Comparison(uid, (Message("user", "q"),), responses, label)


def questions(sizes):
  return [
    [pair(f"{i}/{j}", *one, 1 + (i + j) % 2) for j, one in enumerate(made)]
    for i, made in enumerate(sizes)
  ]


@settings(deadline=None)
@given(lengths, st.integers(0, 3))
def test_even_within_every_band(sizes, per_question):
  left_out = Counter()
  given = questions(sizes)
  taken = balance.select(given, per_question, True, left_out)
  assert len(taken) + left_out.total() == sum(map(len, given))
  signs = Counter()
  for one in taken:
    right = len(one.responses[one.label - 1])
    wrong = len(one.responses[2 - one.label])
    ratio = max(right, wrong, 1) / max(1, min(right, wrong))
    band = sum(ratio >= 2 ** (k / 4) for k in range(1, 9))
    signs[band] += (right > wrong) - (right < wrong)
  assert not any(signs.values())
  if taken:
    assert balance.longer_is_right(taken) == 0.5
  uids = [one.uid for one in taken]
  assert uids == [p.uid for made in given for p in made if p.uid in uids]
  if per_question:
    assert max(Counter(u.split("/")[0] for u in uids).values(), default=0) <= (
      per_question
    )


def test_takes_what_is_needed():
  """One of each question: of the second, the one that evens the first."""
  given = questions([[(40, 30)], [(40, 30), (30, 40), (41, 30)]])
  taken = balance.select(given, 1, True, Counter())
  assert [one.uid for one in taken] == ["0/0", "1/1"]


def test_answers_are_used_in_turn():
  """Two pairs of 2 x 2 use all four answers, though lengths do not care."""
  texts = {"a": "1111", "b": "2222", "x": "3333", "y": "4444"}
  given = [
    Comparison(r + w, (Message("user", "q"),), (texts[r], texts[w]), 1)
    for r in "ab"
    for w in "xy"
  ]
  taken = balance.select([given], 2, True, Counter())
  assert len({text for one in taken for text in one.responses}) == 4


def test_unbalanced_takes_all():
  left_out = Counter()
  given = questions([[(40, 30), (50, 30)], [(40, 30)]])
  assert len(balance.select(given, 0, False, left_out)) == 3
  assert not left_out.total()


def test_longer_is_right():
  given = [
    pair("a", 3, 2),
    pair("b", 2, 3, 2),
    pair("c", 9, 1),
    pair("d", 4, 4),
  ]
  assert balance.longer_is_right(given) == 0.625
  assert balance.longer_is_right([]) is None
  with pytest.raises(ValueError, match="'e' has no label"):
    balance.longer_is_right([Comparison("e", (), ("a", "b"))])
