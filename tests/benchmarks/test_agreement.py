import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax.benchmarks import agreement


def test_cohen_by_hand():
  # The textbook's table: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
  table = np.array([[20, 5], [10, 15]])
  assert agreement.cohen_kappa(table) == pytest.approx(0.4)


def test_one_class_only_has_no_kappa():
  assert agreement.cohen_kappa(np.array([[7, 0], [0, 0]])) is None


def test_macro_by_hand():
  # Rows are labels. Class 2 is never predicted.
  found = agreement.macro(np.array([[2, 0, 0], [1, 1, 0], [0, 1, 0]]))
  assert found.accuracy == 3 / 5
  assert found.precision == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
  assert found.recall == pytest.approx((1 + 1 / 2 + 0) / 3)
  assert found.f1 == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)


@given(st.lists(st.sampled_from("ab"), min_size=1))
def test_a_rater_agrees_with_itself(ratings):
  table = agreement.confusion(ratings, ratings, "ab")
  assert agreement.macro(table).accuracy == 1
  assert agreement.cohen_kappa(table) in (None, pytest.approx(1))


@pytest.mark.parametrize(
  ("labels", "message"),
  [(["a"], "1 labels and 2 predictions"), (["a", "c"], "'c' is none of the")],
)
def test_other_ratings_are_refused(labels, message):
  with pytest.raises(ValueError, match=message):
    agreement.confusion(labels, ["a", "b"], "ab")
