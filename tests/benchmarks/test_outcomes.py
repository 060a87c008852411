import pytest

from rrm_jax.benchmarks import outcomes
from rrm_jax.benchmarks.outcomes import Outcome, Value
from tests.analysis.judged import comparison, judgement

JUDGED = [
  Outcome("a", 1, 1),
  Outcome("a", 1, 2, swapped=True),
  Outcome("b", 2, None, subset="hard"),
  Outcome("tie", 0, 1),
]


@pytest.mark.parametrize("invalid", [0.5, 0.0])
def test_mean_points(invalid):
  assert outcomes.mean_points(JUDGED, invalid) == [
    Value("a", "", 0.5),
    Value("b", "hard", invalid),
  ]


def test_one_order():
  assert outcomes.one_order(JUDGED) == [JUDGED[0], *JUDGED[2:]]
  assert outcomes.one_order(JUDGED[1:2]) == JUDGED[1:2]


def test_of_judgements():
  known = {"a": comparison("a", 2, "s"), "b": comparison("b", None)}
  judged = [
    judgement("a", 1, swapped=True),
    judgement("a", None),
    judgement("b", 2),
  ]
  assert outcomes.of_judgements(judged, known) == [
    Outcome("a", 2, 1, True, "s"),
    Outcome("a", 2, None, False, "s"),
    Outcome("b", 0, 2),
  ]
  with pytest.raises(ValueError, match="uid 'c', which is none of the 2"):
    outcomes.of_judgements([judgement("c")], known)


def test_votes_of_each_order_are_counted_apart():
  votes = [
    *(Outcome("a", 1, winner) for winner in (1, 2, 1, None)),
    *(Outcome("a", 1, winner, swapped=True) for winner in (1, 2, None)),
  ]
  assert outcomes.voted(votes) == [
    Outcome("a", 1, 1),
    Outcome("a", 1, None, swapped=True),
  ]


def test_whole_groups():
  values = [Value("g/0-1", "s", 1.0), Value("g/0-2", "s", 0.5)]
  assert outcomes.whole_groups(values[:1]) == [Value("g", "s", 1.0)]
  assert outcomes.whole_groups(values) == [Value("g", "s", 0.0)]


@pytest.mark.parametrize("uid", ["a", "a/1", "a/1-", "a/-1", "a/x-1", "1-2"])
def test_names_without_places_are_refused(uid):
  with pytest.raises(ValueError, match="must end in /RIGHT-WRONG"):
    outcomes.places(uid)


def test_names_with_places():
  assert outcomes.places("set/7/10-2") == ("set/7", 10, 2)


@pytest.mark.parametrize(
  ("judged", "invalid", "message"),
  [
    ([], 0.5, "there are no outcomes"),
    ([Outcome("a", 0, 1)], 0.5, "no outcome has a label"),
    ([Outcome("a", 1, 1)], 1.5, r"invalid=1.5 must be in \[0, 1\]"),
    ([Outcome("a", 1, 1), Outcome("a", 2, 1)], 0.5, "different labels"),
  ],
)
def test_nothing_to_score(judged, invalid, message):
  with pytest.raises(ValueError, match=message):
    outcomes.mean_points(judged, invalid)


def test_votes_are_told_apart_by_the_order_they_came_in():
  given = [Outcome("a", 1, winner) for winner in (1, 2, None)]
  swapped = [Outcome("a", 1, winner, swapped=True) for winner in (2, 1)]
  other = [Outcome("b", 1, 1)]
  assert outcomes.votes([*given, *swapped, *other]) == [
    [given[0], swapped[0], *other],
    [given[1], swapped[1]],
    [given[2]],
  ]
  assert outcomes.votes([]) == [[]]


def test_mean_values_are_over_the_runs_that_have_one():
  runs = [[Value("a", "s", 1.0), Value("b", "s", 1.0)], [Value("a", "s", 0.0)]]
  assert outcomes.mean_values(runs) == [
    Value("a", "s", 0.5),
    Value("b", "s", 1.0),
  ]
