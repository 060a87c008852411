"""Candidates of the built-in task."""

from rrm_jax import config
from rrm_jax.data import arithmetic, arithmetic_groups, candidate_sets

TASK = config.Data(min_terms=3, max_terms=9)


def made(count=40, size=8):
  return list(arithmetic_groups.groups(TASK, 0, count, size))


def test_one_of_them_is_right():
  for number, group in enumerate(made()):
    pair = arithmetic.comparison(TASK, 0, "test", number)
    right = pair.responses[pair.label - 1]
    assert (group.uid, group.conversation) == (pair.uid, pair.conversation)
    assert len(set(group.responses)) == 8
    assert group.responses[group.correct.index(True)] == right
    assert sum(group.correct) == 1


def test_the_right_one_is_anywhere_and_stays_there():
  places = [group.correct.index(True) for group in made(200)]
  assert min(places.count(place) for place in range(8)) > 10
  assert made() == made(60)[:40]
  assert [len(group.responses) for group in made(2, size=10)] == [10, 10]


def test_their_queries_are_not_trained_on():
  for group in made():
    terms = [t for t in group.conversation[0].content.split() if t != "."]
    assert arithmetic.split_of(terms, 0) == "test"


def test_by_name():
  found = candidate_sets.resolve("arithmetic")
  assert len(found) == 256 and len(found[0].responses) == 8
