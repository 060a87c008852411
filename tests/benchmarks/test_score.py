import numpy as np
import pytest

from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.plain import averaged, pooled
from rrm_jax.benchmarks.score import Score, Stratum, stratum


def draws(cluster_of, queries=40, pairs=5):
  """Each query's pairs are all right or all wrong."""
  values = [
    Value(f"{query}/{pair}", "s", float(query % 2))
    for query in range(queries)
    for pair in range(pairs)
  ]
  return pooled(values, cluster=cluster_of)


def test_pairs_of_one_query_are_not_independent():
  apart = draws(str).interval()
  together = draws(lambda uid: uid.split("/")[0]).interval()
  ratio = (together.high - together.low) / (apart.high - apart.low)
  assert ratio == pytest.approx(5**0.5, rel=0.1)


def assert_same_interval(found, brute):
  """The 95 % interval is that of another bootstrap, but for chance.

  A quantile q of n draws has the standard error sqrt(q (1 - q) / n) / density;
  of a normal distribution, the density there is 0.0584 over its deviation. Ours
  has 2,000 draws. Four standard errors of the difference are allowed.
  """
  spread = (0.025 * 0.975) ** 0.5 * (1 / 2_000 + 1 / len(brute)) ** 0.5
  error = 4 * spread / 0.0584 * np.std(brute)
  low, high = np.quantile(brute, [0.025, 0.975])
  assert found.low == pytest.approx(low, abs=error)
  assert found.high == pytest.approx(high, abs=error)


def test_clusters_count_by_their_size():
  values = [Value("a", "s", 1.0), Value("b1", "s", 0.0), Value("b2", "s", 0.0)]
  found = stratum("s", 1.0, values, ["a", "b", "b"])
  assert found.mean == pytest.approx(1 / 3)


def test_the_interval_is_that_of_the_normal_approximation():
  rng = np.random.default_rng(1)
  parts = [
    Stratum("a", 0.3, (rng.random(400) < 0.8) * 1.0, np.ones(400)),
    Stratum("b", 0.7, (rng.random(900) < 0.6) * 1.0, np.ones(900)),
  ]
  overall = sum(one.weight * one.mean for one in parts)
  score = Score(overall, {}, tuple(parts))
  error = sum(
    one.weight**2 * one.mean * (1 - one.mean) / len(one.sizes) for one in parts
  )
  low, high = score.interval()
  assert high - low == pytest.approx(2 * 1.96 * error**0.5, rel=0.06)
  assert (low + high) / 2 == pytest.approx(overall, abs=0.002)
  assert score.interval() == score.interval(seed=0)
  assert score.interval() != score.interval(seed=1)


def test_pooled_and_averaged():
  values = [Value("a", "x", 1.0), Value("b", "x", 1.0), Value("c", "y", 0.0)]
  assert pooled(values).overall == pytest.approx(2 / 3)
  assert averaged(values).overall == 0.5
  assert (
    pooled(values).sections
    == averaged(values).sections
    == {
      "x": 1.0,
      "y": 0.0,
    }
  )


def test_as_dict():
  assert pooled([Value("a", "x", 1.0)]).as_dict() == {
    "overall": 1.0,
    "low": 1.0,
    "high": 1.0,
    "counted": 1,
    "sections": {"x": 1.0},
    "parts": [
      {"name": "x", "accuracy": 1.0, "low": 1.0, "high": 1.0, "counted": 1}
    ],
  }


def test_a_section_has_the_interval_of_its_strata():
  strata = [
    Stratum("a", 0.1, np.repeat([0.0, 1.0], 50), np.ones(100)),
    Stratum("b", 0.3, np.repeat([0.0, 1.0], [30, 70]), np.ones(100)),
    Stratum("c", 0.6, np.ones(10), np.ones(10)),
  ]
  overall = sum(one.weight * one.mean for one in strata)
  sections = {"ab": 0.65, "c": 1.0}
  score = Score(overall, sections, tuple(strata), {"ab": tuple(strata[:2])})
  rows = {row["name"]: row for row in score.as_dict()["parts"]}
  assert list(rows) == ["ab", "c", "a", "b"]
  assert rows["ab"]["accuracy"] == pytest.approx(0.65)
  assert rows["ab"]["counted"] == 200
  error = (0.25**2 * 0.25 + 0.75**2 * 0.21) / 100
  width = rows["ab"]["high"] - rows["ab"]["low"]
  assert width == pytest.approx(2 * 1.96 * error**0.5, rel=0.06)
  assert (rows["c"]["low"], rows["c"]["high"]) == (1, 1)
