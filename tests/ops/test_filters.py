"""The filters' distributions, worked out by hand; the draw's, by counting."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rrm_jax.ops import filters

# softmax(log p) = p, so these logits are what they say.
PROBS = np.array([0.1, 0.4, 0.05, 0.3, 0.15])


def distribution(logits, **sampling):
  logits = jnp.asarray(logits, jnp.float32)[None]
  cfg = filters.Filters(**sampling)
  return np.asarray(jax.nn.softmax(filters.filtered(logits, cfg))[0])


def shares(**kept):
  """Probabilities over the five tokens from weights of those kept."""
  weights = np.zeros(5)
  for name, weight in kept.items():
    weights[int(name[1:])] = weight
  return weights / weights.sum()


SQUARES = {"t0": 0.01, "t1": 0.16, "t2": 0.0025, "t3": 0.09, "t4": 0.0225}
CASES = [
  ({}, PROBS),
  # p^(1/T) over its sum: squares at 1/2, square roots at 2.
  ({"temperature": 0.5}, shares(**SQUARES)),
  ({"temperature": 2.0}, PROBS**0.5 / (PROBS**0.5).sum()),
  ({"temperature": 0.0}, shares(t1=1)),
  ({"top_k": 1}, shares(t1=1)),
  ({"top_k": 2}, shares(t1=4, t3=3)),
  ({"top_k": 5}, PROBS),
  ({"top_k": 99}, PROBS),
  # Sorted: 0.4, 0.3, 0.15, 0.1, 0.05; sums 0.4, 0.7, 0.85, 0.95, 1.
  ({"top_p": 0.3}, shares(t1=1)),
  ({"top_p": 0.39}, shares(t1=1)),
  ({"top_p": 0.41}, shares(t1=4, t3=3)),
  ({"top_p": 0.69}, shares(t1=4, t3=3)),
  ({"top_p": 0.71}, shares(t1=40, t3=30, t4=15)),
  ({"top_p": 0.94}, shares(t0=10, t1=40, t3=30, t4=15)),
  ({"top_p": 0.96}, PROBS),
  ({"top_p": 1.0}, PROBS),
  # At least that share of the largest, 0.4.
  ({"min_p": 0.2}, shares(t0=10, t1=40, t3=30, t4=15)),
  ({"min_p": 0.3}, shares(t1=40, t3=30, t4=15)),
  ({"min_p": 1.0}, shares(t1=1)),
  # One after the other: of 4/7 and 3/7 the first alone holds a half.
  ({"top_k": 2, "top_p": 0.5}, shares(t1=1)),
  # Squares: 0.561, 0.316, 0.079, 0.035, 0.009, so 0.8 needs two.
  ({"temperature": 0.5, "top_p": 0.8}, shares(t1=16, t3=9)),
  # Of the squares' largest a half is 0.281; 0.316 stays.
  ({"temperature": 0.5, "min_p": 0.5}, shares(t1=16, t3=9)),
  ({"temperature": 0.5, "top_k": 3, "min_p": 0.6}, shares(t1=1)),
]


@pytest.mark.parametrize("sampling, expected", CASES, ids=str)
def test_by_hand(sampling, expected):
  found = distribution(np.log(PROBS), **sampling)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
  assert ((found == 0) == (expected == 0)).all()  # dropped is exactly 0


def test_a_common_shift_changes_nothing():
  for shift in (-50.0, 0.0, 80.0):
    found = distribution(np.log(PROBS) + shift, top_p=0.71, temperature=1.0)
    expected = shares(t1=40, t3=30, t4=15)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_equal_tokens_stay_or_go_together():
  flat = distribution(np.zeros(5), top_p=0.3)
  np.testing.assert_allclose(flat, np.full(5, 0.2), rtol=1e-6)


def test_rows_do_not_mix():
  logits = jnp.asarray(np.log([PROBS, PROBS[::-1]]), jnp.float32)
  kept = filters.filtered(logits, filters.Filters(top_p=0.41)) > -1e29
  assert kept.tolist() == [
    [False, True, False, True, False],
    [False, True, False, True, False],
  ]
  kept = filters.filtered(logits, filters.Filters(top_p=0.71)) > -1e29
  assert kept.tolist() == [
    [False, True, False, True, True],
    [True, True, False, True, False],
  ]


def test_bf16_logits_are_filtered_in_f32():
  logits = jnp.asarray(np.log(PROBS), jnp.bfloat16)[None]
  assert filters.filtered(logits, filters.Filters()).dtype == jnp.float32


@functools.partial(jax.jit, static_argnames="cfg")
def filtered(logits, cfg):
  return filters.filtered(logits, cfg)


VOCAB = 40
MASSES = (0.05, 0.3, 0.5, 0.9, 0.95, 0.999)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
  seed=st.integers(0, 2**31),
  spread=st.sampled_from([0.1, 1.0, 3.0, 10.0]),
  top_p=st.sampled_from(MASSES),
)
def test_nucleus_against_a_sort(seed, spread, top_p):
  """The smallest set of the most probable tokens whose mass reaches top_p."""
  rng = np.random.default_rng(seed)
  logits = (spread * rng.standard_normal((4, VOCAB))).astype(np.float32)
  out = filtered(jnp.asarray(logits), filters.Filters(top_p=top_p))
  kept = np.asarray(out) > -1e29
  probs = np.asarray(jax.nn.softmax(jnp.asarray(logits))).astype(np.float64)
  for row in range(4):
    order = np.argsort(-probs[row], kind="stable")
    mass = np.cumsum(probs[row][order])
    count = int(np.searchsorted(mass, top_p)) + 1
    if np.abs(mass - top_p).min() < 1e-6:
      continue  # the sum in f32 may fall on either side
    assert set(np.flatnonzero(kept[row])) == set(order[:count])
  # What is kept keeps its logit.
  np.testing.assert_array_equal(np.asarray(out)[kept], logits[kept])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), top_k=st.sampled_from([1, 2, 7, 40, 50]))
def test_top_k_against_a_sort(seed, top_k):
  rng = np.random.default_rng(seed)
  logits = rng.standard_normal((3, VOCAB)).astype(np.float32)
  kept = np.asarray(
    filtered(jnp.asarray(logits), filters.Filters(top_k=top_k)) > -1e29
  )
  for row in range(3):
    best = np.argsort(-logits[row])[:top_k]
    assert set(np.flatnonzero(kept[row])) == set(best)


def test_a_large_vocabulary_keeps_its_nucleus():
  """Many small tokens: the sum, not the largest token, decides."""
  vocab = 50_000
  logits = np.zeros(vocab, np.float32)
  logits[:10] = np.log(vocab)  # 10 tokens of 1/11 each, the rest 1/11 together
  found = distribution(logits, top_p=0.9)
  np.testing.assert_allclose(found[:10], 0.1, rtol=1e-4)
  assert not found[10:].any()


def draws(logits, count, seed=0):
  keys = jax.random.split(jax.random.key(seed), count)
  rows = jnp.broadcast_to(
    jnp.asarray(logits, jnp.float32), (count, len(logits))
  )
  tokens, logprobs = filters.draw(keys, rows)
  return np.asarray(tokens), np.asarray(logprobs)


def test_draws_follow_the_softmax():
  """Chi-square over 20,000 draws with fixed keys."""
  tokens, logprobs = draws(np.log(PROBS), 20_000)
  counts = np.bincount(tokens, minlength=5)
  assert stats.chisquare(counts, 20_000 * PROBS).pvalue > 0.01
  # The test can fail: a distribution off by a twentieth is told apart.
  other = np.array([0.11, 0.38, 0.06, 0.29, 0.16])
  assert stats.chisquare(counts, 20_000 * other).pvalue < 1e-4
  np.testing.assert_allclose(logprobs, np.log(PROBS)[tokens], rtol=1e-5)


def test_draws_follow_the_filtered_distribution():
  logits = jnp.asarray(np.log(PROBS), jnp.float32)[None]
  cfg = filters.Filters(temperature=0.5, top_p=0.95)
  kept = np.asarray(filters.filtered(logits, cfg)[0])
  # 0.561, 0.316 and 0.079 reach 0.95.
  expected = shares(t1=1600, t3=900, t4=225)
  tokens, logprobs = draws(kept, 20_000, seed=1)
  counts = np.bincount(tokens, minlength=5)
  assert not counts[[0, 2]].any()
  likely = expected > 0
  pvalue = stats.chisquare(counts[likely], 20_000 * expected[likely]).pvalue
  assert pvalue > 0.01
  np.testing.assert_allclose(logprobs, np.log(expected[tokens]), rtol=1e-5)


def test_greedy_takes_the_largest_with_certainty():
  logits = jnp.asarray(np.log([PROBS, PROBS[::-1]]), jnp.float32)
  kept = filters.filtered(logits, filters.Filters(temperature=0.0))
  for seed in range(20):
    keys = jax.random.split(jax.random.key(seed), 2)
    tokens, logprobs = filters.draw(keys, kept)
    assert tokens.tolist() == [1, 3]
    assert logprobs.tolist() == [0, 0]


def test_a_row_draws_from_its_own_key():
  keys = jax.random.split(jax.random.key(0), 6)
  logits = jnp.asarray(
    np.random.default_rng(0).standard_normal((6, 30)), jnp.float32
  )
  whole, _ = filters.draw(keys, logits)
  order = jnp.array([4, 0, 2])
  part, _ = filters.draw(keys[order], logits[order])
  assert part.tolist() == whole[order].tolist()
