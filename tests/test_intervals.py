import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.intervals import Interval, bootstrap, p_of_signs


def test_equal_values_have_no_width():
  assert bootstrap(np.full(7, 0.25)) == Interval(0.25, 0.25, 0.25)


def test_two_values_golden():
  # Two comparisons, 0 and 1: a resample's mean is 0, .5 or 1 with chances
  # 1/4, 1/2, 1/4, so the 2.5% and 97.5% quantiles are the ends, and the
  # 30% and 70% quantiles are the middle.
  values = np.array([0.0, 1.0])
  assert bootstrap(values) == Interval(0.5, 0.0, 1.0)
  assert bootstrap(values, level=0.4) == Interval(0.5, 0.5, 0.5)


def test_coin_flips_match_the_binomial():
  values = np.repeat([0.0, 1.0], [120, 280])
  low, high = scipy.stats.binom.interval(0.95, 400, 0.7)
  found = bootstrap(values, resamples=20_000)
  assert found.mean == pytest.approx(0.7)
  assert found.low == pytest.approx(low / 400, abs=0.0051)
  assert found.high == pytest.approx(high / 400, abs=0.0051)


def test_continuous_values_match_the_normal():
  values = np.random.default_rng(1).normal(size=500)
  error = values.std() / np.sqrt(500)
  found = bootstrap(values, resamples=8_000)
  assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.01)
  assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.01)


def test_covers_the_truth_about_as_often_as_it_says():
  rng = np.random.default_rng(0)
  hits = 0
  for _ in range(200):
    values = rng.binomial(3, 0.8, size=150) / 3
    found = bootstrap(values, resamples=400)
    hits += found.low <= 0.8 <= found.high
  assert 180 <= hits <= 199


def test_values_of_one_query_are_drawn_together():
  rng = np.random.default_rng(0)
  queries, hits, alone = np.repeat(np.arange(60), 5), 0, 0
  for _ in range(200):
    values = rng.binomial(1, np.repeat(rng.beta(0.5, 0.25, 60), 5)).astype(
      float
    )
    found = bootstrap(values, clusters=queries.tolist(), resamples=400)
    hits += found.low <= 2 / 3 <= found.high
    found = bootstrap(values, resamples=400)
    alone += found.low <= 2 / 3 <= found.high
  assert 180 <= hits <= 199
  assert alone <= 160  # 0.72 are expected: too narrow


def test_a_query_counts_by_its_values():
  values = np.array([1.0, 1.0, 1.0, 0.0])
  found = bootstrap(values, clusters=["a", "a", "a", "b"])
  # A resample is of a alone, of b alone, or of both.
  assert found == Interval(0.75, 0.0, 1.0)
  assert bootstrap(values, clusters=["a"] * 4) == Interval(0.75, 0.75, 0.75)
  apart = bootstrap(values, clusters=list("abcd"))
  assert apart == bootstrap(values)


def test_chunks_do_not_lose_resamples(monkeypatch):
  values = np.linspace(0, 1, 50)
  whole = bootstrap(values)
  monkeypatch.setattr("rrm_jax.intervals._CHUNK", 50 * 7)
  assert bootstrap(values) == whole


def test_chunks_do_not_lose_signs(monkeypatch):
  gaps = np.random.default_rng(0).normal(0.2, size=40)
  whole = p_of_signs(gaps)
  monkeypatch.setattr("rrm_jax.intervals._CHUNK", 40 * 7)
  assert p_of_signs(gaps) == whole


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_signs_by_hand(scale):
  # Of the eight signs of 1, 1 and 2, two give a sum of 4 or of -4.
  found = p_of_signs(scale * np.array([1.0, 1.0, 2.0]))
  assert found == pytest.approx(0.25, abs=0.02)
  # 1 + 1 - 2 is 0, and nothing is nearer to it.
  assert p_of_signs(scale * np.array([1.0, 1.0, -2.0])) == 1
  assert p_of_signs(np.zeros(3)) == 1


@settings(deadline=None)
@given(
  st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30),
  st.randoms(use_true_random=False),
)
def test_interval_is_ordered_and_blind_to_order(values, random):
  found = bootstrap(np.array(values), resamples=50)
  shuffled = list(values)
  random.shuffle(shuffled)
  again = bootstrap(np.array(shuffled), resamples=50)
  assert found.low <= found.high
  assert min(values) - 1e-9 <= found.low
  assert found.high <= max(values) + 1e-9
  assert (found.low, found.high) == (again.low, again.high)


def test_as_dict_rounds():
  interval = Interval(1 / 3, 0.12345, 2 / 3)
  assert interval.as_dict() == {
    "accuracy": 0.3333,
    "low": 0.1235,
    "high": 0.6667,
  }
  assert interval.as_dict("tokens", 1) == {
    "tokens": 0.3,
    "low": 0.1,
    "high": 0.7,
  }


@pytest.mark.parametrize(
  ("values", "options", "message"),
  [
    ([], {}, "at least one"),
    ([0.5, np.nan], {}, r"values\[1\] is not finite"),
    ([0.5], {"clusters": ["a", "b"]}, "1 values are of 2 clusters"),
    ([0.5], {"resamples": 0}, "resamples=0"),
    ([0.5], {"level": 1.0}, "level=1.0"),
  ],
)
def test_mistakes_are_named(values, options, message):
  with pytest.raises(ValueError, match=message):
    bootstrap(np.array(values, dtype=np.float64), **options)
