"""Chunked log-probabilities against the plain formula, both ways."""

import functools

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, sharding
from rrm_jax.ops import logprobs as chunked
from rrm_jax.ops import vocabulary_blocks
from rrm_jax.ops.filters import UNFILTERED, Filters, filtered

WIDTH, VOCAB = 16, 50


def inputs(num, seed=0, vocab=VOCAB):
  rng = np.random.default_rng(seed)
  hidden = jnp.asarray(rng.standard_normal((num, WIDTH)), jnp.float32)
  unembedding = jnp.asarray(rng.standard_normal((WIDTH, vocab)), jnp.float32)
  targets = jnp.asarray(rng.integers(0, vocab, num), jnp.int32)
  weights = jnp.asarray(rng.standard_normal(num), jnp.float32)
  return hidden, unembedding, targets, weights


def plain(hidden, unembedding, targets, filters):
  table = jax.nn.log_softmax(filtered(hidden @ unembedding, filters), axis=-1)
  picked = jnp.take_along_axis(table, targets[:, None], axis=1)[:, 0]
  return picked, -jnp.sum(jnp.exp(table) * jnp.maximum(table, -1e9), axis=-1)


def gradients(function, hidden, unembedding, targets, weights, filters):
  def loss(h, u):
    return jnp.sum(weights * function(h, u, targets, filters)[0])

  return jax.jit(jax.grad(loss, argnums=(0, 1)))(hidden, unembedding)


def second_best(logits):
  return jax.lax.top_k(logits, 2)[1][:, 1]


def test_a_target_beyond_the_filters_edge_has_a_finite_logprob():
  """Float noise may drop it there where the sampler just kept it."""
  hidden, unembedding = jnp.ones((1, 1)), jnp.log(jnp.array([[0.7, 0.2, 0.1]]))
  picked, _ = chunked.logprobs(
    hidden, unembedding, jnp.array([1]), Filters(top_k=1)
  )
  np.testing.assert_allclose(picked, np.log([0.2 / 0.9]), rtol=1e-5)


@pytest.fixture
def small_blocks(monkeypatch):
  """Of 16 words and rows, whatever there is room for."""
  monkeypatch.setattr(vocabulary_blocks, "BLOCK_BYTES", 1)
  monkeypatch.setattr(vocabulary_blocks, "LEAST", 16)


# One block, two that are exact, four with words that two of them have.
@pytest.mark.parametrize("vocab", [12, 32, 50])
@pytest.mark.parametrize("num", [5, 150])
@pytest.mark.parametrize(
  "filters",
  [
    UNFILTERED,
    Filters(temperature=0.7),
    Filters(temperature=1.9),
    Filters(1.3, top_k=30, top_p=0.999, min_p=1e-4),
  ],
)
def test_values_and_gradients(num, vocab, filters, small_blocks):
  hidden, unembedding, _, weights = inputs(num, vocab=vocab)
  # What was sampled has passed the filters.
  targets = jnp.argmax(hidden @ unembedding, axis=-1)
  targets = targets.at[::3].set(second_best(hidden @ unembedding)[::3])
  arrays = (hidden, unembedding, targets)
  ours = chunked.logprobs(*arrays, filters)
  theirs = plain(*arrays, filters)
  for x, y in zip(ours, theirs, strict=True):
    assert x.shape == (num,)
    np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)
  ours = gradients(chunked.logprobs, *arrays, weights, filters)
  theirs = gradients(plain, *arrays, weights, filters)
  for x, y in zip(ours, theirs, strict=True):
    np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("words", [16, 20, 50])
def test_the_size_of_blocks_changes_nothing(words, monkeypatch):
  *arrays, weights = inputs(400)
  whole = chunked.logprobs(*arrays, Filters(0.8))
  whole_gradients = gradients(chunked.logprobs, *arrays, weights, Filters(0.8))
  monkeypatch.setattr(vocabulary_blocks, "LEAST", 1)
  monkeypatch.setattr(vocabulary_blocks, "BLOCK_BYTES", words * 4 * 400)
  parts = chunked.logprobs(*arrays, Filters(0.8))
  parts_gradients = gradients(chunked.logprobs, *arrays, weights, Filters(0.8))
  for x, y in zip(
    (*parts, *parts_gradients), (*whole, *whole_gradients), strict=True
  ):
    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


def test_by_hand():
  """Logits (0, log 3): probabilities 1/4 and 3/4."""
  hidden = jnp.ones((2, 1))
  unembedding = jnp.array([[0.0, np.log(3.0)]])
  picked, entropy = chunked.logprobs(hidden, unembedding, jnp.array([0, 1]))
  np.testing.assert_allclose(picked, np.log([0.25, 0.75]), rtol=1e-6)
  expected = 0.25 * np.log(4) + 0.75 * np.log(4 / 3)
  np.testing.assert_allclose(entropy, [expected, expected], rtol=1e-6)


def test_at_temperature():
  """Logits (0, log 9) at temperature 2 are (0, log 3)."""
  hidden = jnp.ones((1, 1))
  unembedding = jnp.array([[0.0, np.log(9.0)]])
  picked, _ = chunked.logprobs(
    hidden, unembedding, jnp.array([1]), Filters(2.0)
  )
  np.testing.assert_allclose(picked, np.log([0.75]), rtol=1e-6)


def test_entropy_carries_no_gradient():
  hidden, unembedding, targets, _ = inputs(6)

  def entropy(h):
    return jnp.sum(chunked.logprobs(h, unembedding, targets)[1])

  assert not jax.grad(entropy)(hidden).any()


def test_huge_logits_stay_finite():
  hidden, unembedding, targets, weights = inputs(6)
  big = 1e4 * hidden
  picked, entropy = chunked.logprobs(big, unembedding, targets)
  assert np.isfinite(picked).all() and np.isfinite(entropy).all()
  for x in gradients(
    chunked.logprobs, big, unembedding, targets, weights, UNFILTERED
  ):
    assert np.isfinite(x).all()


def test_what_is_not_a_number_is_not_dropped(small_blocks):
  hidden, unembedding, targets, _ = inputs(6)
  for filters in (UNFILTERED, Filters(top_k=20)):
    picked, _ = chunked.logprobs(
      hidden.at[2].set(jnp.nan), unembedding, targets, filters
    )
    assert np.isnan(picked).tolist() == [False, False, True] + [False] * 3


def test_bf16_inputs_give_f32_results():
  """Rounding of the inputs aside, the sums are f32."""
  hidden, unembedding, targets, _ = inputs(40)
  rounded = hidden.astype(jnp.bfloat16), unembedding.astype(jnp.bfloat16)
  picked, entropy = chunked.logprobs(*rounded, targets)
  assert picked.dtype == entropy.dtype == jnp.float32
  exact = plain(*(x.astype(jnp.float32) for x in rounded), targets, UNFILTERED)
  np.testing.assert_allclose(picked, exact[0], rtol=2e-5, atol=2e-5)
  np.testing.assert_allclose(entropy, exact[1], rtol=2e-5, atol=2e-5)


# Rows and words over 8 devices; 300 rows do not divide among 8 parts.
@pytest.mark.parametrize("num", [296, 300])
@pytest.mark.parametrize("mesh", [(1, 8, 1), (2, 2, 2), (1, 2, 4)])
@pytest.mark.parametrize(
  "filters", [Filters(0.7), Filters(1.3, top_k=30, top_p=0.999, min_p=1e-4)]
)
def test_each_device_has_its_rows_and_words(num, mesh, filters, small_blocks):
  layout = sharding.layout(config.Mesh(*mesh))
  hidden, unembedding, _, weights = inputs(num, vocab=56)
  targets = jnp.argmax(hidden @ unembedding, axis=-1)
  targets = targets.at[::3].set(second_best(hidden @ unembedding)[::3])
  arrays = (hidden, unembedding, targets)
  rows = layout.named("batch" if num % layout.batch_parts == 0 else None)
  head = layout.named("embed", "vocab")
  laid = jax.device_put(tuple(arrays), (rows, head, rows))

  def cut(*arguments):
    return chunked.logprobs(*arguments, layout=layout)

  ours, theirs = (
    jax.jit(cut, static_argnums=3)(*laid, filters),
    plain(*arrays, filters),
  )
  for x, y in zip(ours, theirs, strict=True):
    np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)
  ours = gradients(cut, *laid, weights, filters)
  theirs = gradients(plain, *arrays, weights, filters)
  for x, y in zip(ours, theirs, strict=True):
    np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)


def test_the_head_is_sent_once(small_blocks):
  layout = sharding.layout(config.Mesh(1, 4, 2))
  *arrays, weights = inputs(4 * 512, vocab=56)
  rows = layout.named("batch")
  head = layout.named("embed", "vocab")
  laid = jax.device_put(tuple(arrays), (rows, head, rows))

  def cut(*arguments):
    return chunked.logprobs(*arguments, layout=layout)

  def step(*arguments):
    return gradients(cut, *arguments, weights, UNFILTERED)

  sent = {}
  for equation in loops(jax.make_jaxpr(step)(*laid).jaxpr):
    size = int(np.prod(equation.outvars[0].aval.shape))
    name = equation.primitive.name
    if name in ("psum", "reduce_scatter", "all_gather", "pmax"):
      sent[name] = max(size, sent.get(name, 0))
  # A block of words is gathered, 14 of a device's 28, and of its gradient a
  # part kept, then summed over "data" too.
  part = WIDTH // 4 * 14
  assert sent == {
    "all_gather": WIDTH * 14,
    "reduce_scatter": part,
    "psum": part,
  }
  compiled = jax.jit(step).lower(*laid).compile().as_text()
  assert "reduce-scatter" in compiled


def loops(jaxpr, inside=False):
  """The equations inside of scans."""
  for equation in jaxpr.eqns:
    if inside:
      yield equation
    scan = inside or equation.primitive.name == "scan"
    for inner in jax.extend.core.jaxprs_in_params(equation.params):
      yield from loops(inner, scan)


def sizes(jaxpr):
  """Elements of every intermediate array, inner programs included."""
  for equation in jaxpr.eqns:
    for variable in equation.outvars:
      yield int(np.prod(variable.aval.shape))
    for inner in jax.extend.core.jaxprs_in_params(equation.params):
      yield from sizes(inner)


def test_nowhere_is_there_an_array_of_all_logits(monkeypatch):
  num, vocab = 2_048, 1_000
  monkeypatch.setattr(vocabulary_blocks, "BLOCK_BYTES", 125 * 4 * num)
  *arrays, weights = inputs(num, vocab=vocab)

  def both(function):
    return functools.partial(gradients, function, *arrays, weights, UNFILTERED)

  largest = max(sizes(jax.make_jaxpr(both(chunked.logprobs))().jaxpr))
  assert largest == 125 * num
  # The measure sees it where it is.
  assert max(sizes(jax.make_jaxpr(both(plain))().jaxpr)) == num * vocab

  def temporary(function):
    step = jax.jit(
      lambda h, u: gradients(function, h, u, *arrays[2:], weights, UNFILTERED)
    )
    compiled = step.lower(*arrays[:2]).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert temporary(chunked.logprobs) < 4 * num * vocab / 2
  assert temporary(plain) >= 4 * num * vocab
