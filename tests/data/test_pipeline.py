"""Batches as a function of the step, and nothing else."""

import collections
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.data import arithmetic, pipeline
from rrm_jax.records import Comparison, Message

TASK = config.Data(max_terms=6)
SOURCE = [arithmetic.comparison(TASK, 0, "train", i) for i in range(60)]


def uids(rows):
  return [row.uid for row in rows]


def test_a_batch_depends_on_the_step_alone():
  first = pipeline.Pipeline(SOURCE, 8, 0)
  forward = [first[step] for step in range(20)]
  second = pipeline.Pipeline(SOURCE, 8, 0)
  backward = [second[step] for step in reversed(range(20))]
  assert forward == backward[::-1]
  assert all(isinstance(row, Comparison) for row in forward[0])


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 2**40))
def test_each_epoch_shows_everything_once(size, batch_size, seed):
  source = SOURCE[:size]
  batches = pipeline.Pipeline(source, batch_size, seed)
  epochs = 3
  steps = -(-epochs * size // batch_size)
  stream = [uid for step in range(steps) for uid in uids(batches[step])]
  assert all(len(batches[step]) == batch_size for step in range(steps))
  for epoch in range(epochs):
    shown = stream[epoch * size : (epoch + 1) * size]
    assert sorted(shown) == sorted(uids(source))


def test_epochs_and_seeds_have_their_own_order():
  batches = pipeline.Pipeline(SOURCE, 60, 0)
  orders = [uids(batches[epoch]) for epoch in range(4)]
  # Neighbouring seeds must not give each other's epochs.
  orders += [
    uids(pipeline.Pipeline(SOURCE, 60, seed)[epoch])
    for seed in (1, 2)
    for epoch in range(4)
  ]
  assert len({tuple(order) for order in orders}) == 12
  assert tuple(uids(SOURCE)) not in {tuple(order) for order in orders}


def test_the_order_stays_what_it_is():
  batches = pipeline.Pipeline(SOURCE[:10], 5, 0)
  order = [[SOURCE.index(row) for row in batches[step]] for step in range(3)]
  assert order == [[7, 5, 8, 2, 3], [4, 6, 9, 1, 0], [4, 3, 1, 0, 6]]


def test_a_batch_may_exceed_the_source():
  batch = pipeline.Pipeline(SOURCE[:3], 8, 0)[5]
  counts = collections.Counter(uids(batch))
  assert len(batch) == 8
  assert sorted(counts.values()) in ([2, 3, 3], [2, 2, 4])


def test_a_far_step_costs_no_more_than_a_near_one():
  assert len(pipeline.Pipeline(SOURCE, 4, 0)[10**12]) == 4


def test_curriculum_limits_the_difficulty_of_each_part():
  batches = pipeline.Pipeline(SOURCE, 16, 0, curriculum=(1, 3, 6), steps=10)
  limits = [
    max(arithmetic.num_terms(row) for step in steps for row in batches[step])
    for steps in (range(4), range(4, 7), range(7, 20))
  ]
  assert limits == [1, 3, 6]
  # Parts of 10 steps in 3 begin at 0, 10/3 and 20/3, rounded up.


def test_each_part_begins_a_new_epoch():
  easy = {row.uid for row in SOURCE if arithmetic.num_terms(row) <= 3}
  batches = pipeline.Pipeline(SOURCE, len(easy), 0, curriculum=(3, 3), steps=2)
  assert set(uids(batches[0])) == set(uids(batches[1])) == easy
  assert uids(batches[0]) != uids(batches[1])


def test_others_are_what_a_step_does_not_show():
  batches = pipeline.Pipeline(SOURCE, 16, 0, curriculum=(3, 6), steps=4)
  easy = {row.uid for row in SOURCE if arithmetic.num_terms(row) <= 3}
  for step, all_shown in [(0, easy), (1, easy), (2, set(uids(SOURCE)))]:
    others = uids(batches.others(step))
    assert len(others) == len(set(others))
    assert set(others) == all_shown - set(uids(batches[step]))


def test_the_others_of_a_step_have_their_own_order():
  orders = [
    uids(pipeline.Pipeline(SOURCE, 4, 0).others(step)) for step in (0, 1, 2, 2)
  ]
  common = set.intersection(*map(set, orders))
  orders = [[uid for uid in order if uid in common] for order in orders]
  assert len(common) == 60 - 3 * 4
  assert orders[2] == orders[3]
  assert len({tuple(order) for order in orders}) == 3


def test_a_step_that_shows_everything_has_no_others():
  assert list(pipeline.Pipeline(SOURCE[:3], 8, 0).others(5)) == []


def test_curriculum_takes_any_difficulty():
  rows = [
    Comparison(
      uid=str(length),
      conversation=(Message("user", "x" * length),),
      responses=("a", "b"),
    )
    for length in (1, 5, 9)
  ]
  batches = pipeline.Pipeline(
    rows, 4, 0, (4, 9), 2, difficulty=lambda row: len(row.query)
  )
  assert uids(batches[0]) == ["1"] * 4
  assert set(uids(batches[1])) == {"1", "5", "9"}


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((SOURCE, 0, 0), "batch_size=0 must be at least 1"),
    (([], 4, 0), "the source has no comparisons"),
    ((SOURCE, 4, 0, (0, 6), 10), r"curriculum\[0\]=0 leaves no comparisons"),
    ((SOURCE, 4, 0, (2, 6), 1), "steps=1 do not split into the 2 parts"),
    ((SOURCE, 4, 0, (6,)), "steps=0 do not split into the 1 parts"),
  ],
)
def test_what_cannot_be_shown_is_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    pipeline.Pipeline(*arguments)


def test_a_negative_step_is_an_error():
  with pytest.raises(IndexError, match="step -1 is negative"):
    pipeline.Pipeline(SOURCE, 4, 0)[-1]
  with pytest.raises(IndexError, match="step -1 is negative"):
    next(pipeline.Pipeline(SOURCE, 4, 0).others(-1))


def test_random_labels_are_a_fair_coin_of_the_uid():
  rows = [
    dataclasses.replace(SOURCE[0], uid=str(number)) for number in range(1000)
  ]
  labels = [pipeline.random_labels(row, 0).label for row in rows]
  again = [pipeline.random_labels(row, 0).label for row in rows]
  other = [pipeline.random_labels(row, 1).label for row in rows]
  assert labels == again
  assert abs(labels.count(1) - 500) < 4 * 250**0.5
  agreement = sum(a == b for a, b in zip(labels, other, strict=True))
  assert abs(agreement - 500) < 4 * 250**0.5
  assert labels[:8] == [2, 2, 1, 2, 2, 1, 2, 2]


def test_random_labels_change_nothing_else():
  row = dataclasses.replace(SOURCE[0], label=None)
  flipped = pipeline.random_labels(row, 0)
  assert flipped.label in (1, 2)
  assert dataclasses.replace(flipped, label=None) == row
