"""Pairings that must exist are found."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.tournament import swiss


@given(half=st.integers(1, 16), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=100, deadline=None)
def test_all_are_paired_while_nobody_met_half_of_the_field(half, seed, data):
  size = 2 * half
  lot = random.Random(seed)
  met = set()
  # Each round is any pairing at all, also one that no swiss would have made.
  for _ in range(data.draw(st.integers(0, half - 1))):
    order = lot.sample(range(size), size)
    met |= {frozenset(p) for p in zip(order[::2], order[1::2], strict=True)}
  order = lot.sample(range(size), size)
  found = swiss.matching(order, met)
  assert sorted(place for pair in found for place in pair) == list(range(size))
  assert not met & {frozenset(pair) for pair in found}


def test_neighbours_meet():
  assert swiss.matching([4, 2, 0, 5], set()) == [(5, 0), (4, 2)]


def test_two_that_are_left_split_up_a_pair():
  # 3 takes 2, and 0 and 1 have met: they share 3 and 2 between them.
  met = {frozenset((0, 1)), frozenset((0, 2))}
  found = swiss.matching([0, 1, 2, 3], met)
  assert sorted(tuple(sorted(pair)) for pair in found) == [(0, 3), (1, 2)]


def test_an_impossible_pairing_is_our_mistake():
  with pytest.raises(AssertionError, match="nobody is left"):
    swiss.matching([0, 1], {frozenset((0, 1))})
