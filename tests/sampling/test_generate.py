"""What a row says depends on its key, prompt, sample and position alone."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.batches import Prompts
from rrm_jax.model import kv_cache
from rrm_jax.rl import learner
from rrm_jax.sampling.generate import generate, row_keys
from tests import tiny
from tests.tiny import completion, sample

COLUMNS, SAMPLES = 8, tiny.SAMPLES
NEW = tiny.SAMPLING.max_new_tokens
LENGTHS = (3, 8, 1, 5, 6, 2, 8, 4)
SAMPLING = tiny.SAMPLING


def completed_logprobs(rollout, row):
  return rollout.logprobs[row, rollout.prompt_length[row] : rollout.length[row]]


def assert_same_row(one, i, other, j):
  assert completion(one, i).tolist() == completion(other, j).tolist()
  np.testing.assert_allclose(
    completed_logprobs(one, i),
    completed_logprobs(other, j),
    rtol=0,
    atol=1e-5,
  )
  assert one.stopped[i] == other.stopped[j]


@pytest.fixture(scope="module")
def prompts():
  return tiny.prompts(LENGTHS, COLUMNS)


@pytest.fixture(scope="module")
def rollout(prompts):
  return sample(prompts)


def test_there_is_something_to_compare(rollout):
  """Rows that stop and rows that do not, all of them different."""
  assert rollout.stopped.any() and not rollout.stopped.all()
  rows = {tuple(completion(rollout, i)) for i in range(len(rollout.length))}
  assert len(rows) > 10


def test_rollouts_are_compact_and_their_masks_disjoint(prompts, rollout):
  rows, columns = rollout.tokens.shape
  assert (rows, columns) == (len(LENGTHS) * SAMPLES, COLUMNS + NEW)
  column = np.arange(columns)
  length, start = rollout.length[:, None], rollout.prompt_length[:, None]
  written = (column >= start) & (column < length)
  assert not (rollout.sampled & rollout.forced).any()
  np.testing.assert_array_equal(rollout.sampled | rollout.forced, written)
  assert not rollout.forced.any()
  assert not rollout.tokens[column >= length].any()
  assert not rollout.logprobs[~rollout.sampled].any()
  assert (rollout.logprobs[rollout.sampled] < 0).all()
  for row in range(rows):
    own = prompts.tokens[row // SAMPLES, : prompts.length[row // SAMPLES]]
    assert rollout.tokens[row, : len(own)].tolist() == own.tolist()


def test_a_row_ends_with_its_first_stop_token_or_for_want_of_room(rollout):
  for row in range(len(rollout.length)):
    said = completion(rollout, row)
    stops = np.isin(said, (tiny.STOP, tiny.OTHER_STOP))
    if rollout.stopped[row]:
      assert stops.tolist() == [False] * (len(said) - 1) + [True]
      assert rollout.sampled[row, rollout.length[row] - 1]
    else:
      assert not stops.any() and len(said) == NEW


def test_permuted_prompts(prompts, rollout):
  order = [5, 2, 7, 0, 1, 6, 3, 4]
  other = sample(tiny.take(prompts, order))
  for place, prompt in enumerate(order):
    for s in range(SAMPLES):
      assert_same_row(other, place * SAMPLES + s, rollout, prompt * SAMPLES + s)


def test_another_batch_more_samples_more_padding(prompts, rollout):
  """All at once: three prompts, three samples, five columns more."""
  few = tiny.take(prompts, [6, 1, 3])
  wide = np.pad(few.tokens, ((0, 0), (0, 5)), constant_values=33)
  other = sample(dataclasses.replace(few, tokens=wide), samples=3)
  for place, prompt in enumerate((6, 1, 3)):
    for s in range(SAMPLES):
      assert_same_row(other, place * 3 + s, rollout, prompt * SAMPLES + s)


def test_rows_that_fill_up_do_nothing(prompts, rollout):
  active = np.array([True, False, True, True, False, True, True, False])
  other = sample(dataclasses.replace(prompts, active=active))
  for row in range(len(other.length)):
    if active[row // SAMPLES]:
      assert_same_row(other, row, rollout, row)
    else:
      assert other.length[row] == other.prompt_length[row]
      assert not other.sampled[row].any()


def test_the_key_the_prompt_and_the_sample_each_matter(prompts, rollout):
  assert (sample(prompts, seed=6).tokens != rollout.tokens).any(axis=1).all()
  renamed = dataclasses.replace(prompts, prompt_id=prompts.prompt_id + 1)
  assert (sample(renamed).tokens != rollout.tokens).any(axis=1).all()
  # One prompt under one name twice says the same twice.
  twin = sample(tiny.take(prompts, [0, 0, 2, 3, 4, 5, 6, 7]))
  for s in range(SAMPLES):
    assert_same_row(twin, s, twin, SAMPLES + s)
  assert (twin.tokens[0] != twin.tokens[1]).any()


def test_row_keys_by_hand():
  key = jax.random.key(3)
  keys = row_keys(key, jnp.array([9, 2**32 - 1], jnp.uint32), 2)
  fold = jax.random.fold_in
  expected = [fold(fold(key, p), s) for p in (9, 2**32 - 1) for s in (0, 1)]
  for x, y in zip(keys, expected, strict=True):
    assert (jax.random.key_data(x) == jax.random.key_data(y)).all()


@pytest.mark.parametrize("data, fsdp, tensor", tiny.MESHES[:3])
def test_meshes_say_the_same(prompts, rollout, data, fsdp, tensor):
  over = tiny.layout(data, fsdp, tensor)
  kernel = tiny.placed(tiny.params(), over)["layers"]["mlp"]["up"]["kernel"]
  cut = (2, 32 // fsdp, 48 // tensor)
  assert {s.data.shape for s in kernel.addressable_shards} == {cut}
  other = sample(prompts, over)
  np.testing.assert_array_equal(other.tokens, rollout.tokens)
  np.testing.assert_array_equal(other.length, rollout.length)
  np.testing.assert_array_equal(other.sampled, rollout.sampled)
  np.testing.assert_array_equal(other.stopped, rollout.stopped)
  np.testing.assert_allclose(
    other.logprobs, rollout.logprobs, rtol=0, atol=1e-5
  )


def difference(rollout, temperature, cfg=tiny.MODEL):
  scores = learner.score(
    tiny.single(tiny.params(cfg)),
    jnp.asarray(rollout.tokens),
    jnp.asarray(rollout.sampled),
    cfg=cfg,
    temperature=temperature,
    layout=tiny.layout(),
    window=SAMPLING.max_new_tokens,
  )
  return np.abs(np.asarray(scores) - rollout.logprobs)[rollout.sampled]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_learner_agrees(prompts, rollout, temperature):
  if temperature != 1:
    sampling = dataclasses.replace(SAMPLING, temperature=temperature)
    rollout = sample(prompts, sampling=sampling)
  assert difference(rollout, temperature).max() < 1e-5
  # At another temperature it would not.
  assert difference(rollout, 1.4).max() > 0.1


def test_in_bf16_the_learner_agrees_to_its_grain(prompts):
  """Both round alike but where another order of sums tips a rounding.

  A tipped hidden value moves a logit by 2^-8 / sqrt(32), and few are tipped.
  Logits rounded to bf16 would each be off by about 2^-9 on the average.
  """
  cfg = tiny.variant(compute_dtype="bfloat16")
  found = difference(sample(prompts, cfg=cfg), 1.0, cfg)
  assert found.max() < 2**-8
  assert found.mean() < 2**-12


def test_filters_apply(prompts):
  """With two tokens to choose from, logprobs are of that choice."""
  sampling = dataclasses.replace(SAMPLING, top_k=2)
  rollout = sample(prompts, sampling=sampling)
  probs = np.exp(rollout.logprobs[rollout.sampled])
  assert ((probs > 0) & (probs <= 1 + 1e-6)).all()
  top_two = difference(rollout, 1.0)
  assert top_two.max() > 0.5  # far from the whole softmax's


def test_greedy_is_certain(prompts):
  sampling = dataclasses.replace(SAMPLING, temperature=0.0)
  rollout = sample(prompts, sampling=sampling)
  assert not rollout.logprobs.any()
  for prompt in range(len(LENGTHS)):
    assert_same_row(rollout, 2 * prompt, rollout, 2 * prompt + 1)


def lowered(cfg, rows, slots, new):
  """The compiled program for `rows` prompts of `slots` columns."""
  over = tiny.layout()

  def shaped(x):
    return jax.tree.map(lambda y: jax.ShapeDtypeStruct(y.shape, y.dtype), x)

  batch = Prompts(
    jax.ShapeDtypeStruct((rows, slots), jnp.int32),
    jax.ShapeDtypeStruct((rows,), jnp.int32),
    jax.ShapeDtypeStruct((rows,), jnp.uint32),
    jax.ShapeDtypeStruct((rows,), bool),
  )
  return generate.lower(
    shaped(tiny.params(cfg)),
    batch,
    tiny.script(),
    jax.random.key(0),
    jax.ShapeDtypeStruct((), jnp.int32),
    cfg=cfg,
    sampling=config.Sampling(max_new_tokens=new),
    samples=1,
    layout=over,
  ).compile()


def test_the_cache_is_written_in_place():
  """The decode loop holds one cache, and no second for its next state."""
  cfg = tiny.variant(num_layers=8, head_dim=32, vocab_size=64)
  rows, slots, new = 8, 8, 504
  cache = jax.eval_shape(
    functools.partial(kv_cache.empty, cfg, rows, slots + new)
  )
  size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(cache))
  temporary = lowered(cfg, rows, slots, new).memory_analysis()
  assert size < temporary.temp_size_in_bytes < 1.5 * size
