"""Nothing is trained on and measured on as well."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax.data import holding_out
from rrm_jax.records import Comparison, Message


def comparisons(sizes):
  """So many pairs of each query, one query after the other."""
  return [
    Comparison(
      f"{query}/{n}", (Message("user", f"query {query}"),), (f"{n}", "b"), 1
    )
    for query, size in enumerate(sizes)
    for n in range(size)
  ]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=30), st.integers(1, 50))
def test_parts_are_all_and_share_no_query(sizes, count):
  found = comparisons(sizes)
  train, test = holding_out.split(found, count)
  assert sorted(one.uid for one in train + test) == sorted(
    one.uid for one in found
  )
  held = {one.query for one in test}
  assert held and not held & {one.query for one in train}
  assert len(test) <= count or len(held) == 1


def test_as_many_as_asked_where_queries_are_single():
  train, test = holding_out.split(comparisons([1] * 500), 50)
  assert (len(train), len(test)) == (450, 50)
  # From all over the file, each part in its order.
  places = [int(one.query.split()[1]) for one in test]
  assert places == sorted(places)
  assert sum(place < 250 for place in places) in range(12, 39)


def test_depends_on_texts_alone():
  found = comparisons([2] * 40)
  held = {one.query for one in holding_out.split(found, 8)[1]}
  renamed = [
    dataclasses.replace(one, uid=f"other {one.uid}", source="elsewhere")
    for one in reversed(found)
  ]
  assert {one.query for one in holding_out.split(renamed, 8)[1]} == held


@pytest.mark.parametrize(("sizes", "count"), [([9], 1), ([1] * 9, 0), ([], 0)])
def test_too_few(sizes, count):
  with pytest.raises(ValueError, match="too few"):
    holding_out.split(comparisons(sizes), count)
