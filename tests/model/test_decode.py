"""Cached decoding: equal to the full forward, and to transformers' generate."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, sharding
from rrm_jax.model import kv_cache, qwen2
from rrm_jax.sampling import budget
from tests import tiny

LENGTHS = (3, 9, 5, 1)
COLUMNS, NEW = 9, 8
SHAPES = {
  "4/2": tiny.MODEL,
  "5/1 tied, wide heads": tiny.variant(
    num_heads=5, num_kv_heads=1, head_dim=16, tied_embeddings=True
  ),
  "6/3": tiny.variant(num_heads=6, num_kv_heads=3, rope_theta=1e6),
  "yarn": tiny.variant(
    num_kv_heads=1, yarn=config.Yarn(8.0, 64), max_positions=512
  ),
  "one layer slides": tiny.variant(
    num_layers=3, num_kv_heads=1, sliding_window=4, sliding_layers=(1,)
  ),
  "all slide, yarn": tiny.variant(
    num_kv_heads=4,
    tied_embeddings=True,
    yarn=config.Yarn(4.0, 128, truncated=False),
    max_positions=512,
    sliding_window=3,
    sliding_layers=(0, 1),
  ),
}


@functools.partial(jax.jit, static_argnames="cfg", donate_argnames="cache")
def cached(params, cfg, tokens, positions, cache):
  return qwen2.forward(params, cfg, tokens, positions, cache=cache)


@functools.partial(jax.jit, static_argnames="cfg")
def full(params, cfg, tokens):
  return qwen2.forward(params, cfg, tokens)[0]


@pytest.fixture(scope="module", params=SHAPES)
def cfg(request):
  return SHAPES[request.param]


@pytest.mark.parametrize("stacked", [True, False])
def test_prefill_and_steps_equal_the_full_forward(cfg, stacked):
  """Rows of ragged length; what is fed is fixed, so every step can be seen."""
  params = tiny.single(tiny.params(cfg))
  rng = np.random.default_rng(3)
  rows = len(LENGTHS)
  tokens = rng.integers(0, cfg.vocab_size, (rows, COLUMNS + NEW))
  tokens = jnp.asarray(tokens, jnp.int32)
  expected = np.asarray(full(params, cfg, tokens))
  length = jnp.array(LENGTHS)
  # The prefill reads tokens beyond a row's prompt, as padding.
  positions = jnp.broadcast_to(jnp.arange(COLUMNS), (rows, COLUMNS))
  cache = kv_cache.empty(cfg, rows, COLUMNS + NEW, stacked)
  padded = jnp.where(positions < length[:, None], tokens[:, :COLUMNS], 0)
  held = params if stacked else qwen2.unstacked(params, cfg)
  hidden, cache = cached(held, cfg, padded, positions, cache)
  for row, size in enumerate(LENGTHS):
    np.testing.assert_allclose(
      hidden[row, :size], expected[row, :size], rtol=2e-5, atol=2e-5
    )
  for step in range(NEW):
    at = length + step
    token = jnp.take_along_axis(tokens, at[:, None], axis=1)
    hidden, cache = cached(held, cfg, token, at[:, None], cache)
    np.testing.assert_allclose(
      hidden[:, 0],
      expected[np.arange(rows), np.asarray(at)],
      rtol=2e-5,
      atol=2e-5,
    )


def test_greedy_tokens_equal_the_peers(cfg):
  torch = pytest.importorskip("torch", reason="torch is the peer")
  from . import torch_peer

  peer = torch_peer.build(cfg, seed=1)
  batch = tiny.prompts(LENGTHS, COLUMNS, seed=4, vocab=cfg.vocab_size)
  left = np.zeros((len(LENGTHS), COLUMNS), np.int64)
  mask = np.zeros_like(left)
  for row, size in enumerate(LENGTHS):
    left[row, COLUMNS - size :] = batch.tokens[row, :size]
    mask[row, COLUMNS - size :] = 1
  theirs = peer.generate(
    torch.tensor(left),
    attention_mask=torch.tensor(mask),
    do_sample=False,
    max_new_tokens=NEW,
    min_new_tokens=NEW,
    use_cache=True,
    pad_token_id=0,
    eos_token_id=None,
  ).numpy()[:, COLUMNS:]
  # Nothing stops a row: the ids of the script are beyond the vocabulary.
  beyond = np.int32(cfg.vocab_size)
  zero = np.zeros(1, np.int32)
  run = dataclasses.replace(
    tiny.sampler(
      sampling=config.Sampling(temperature=0.0),
      weights=torch_peer.converted(peer, cfg),
      cfg=cfg,
    ),
    script=budget.Script(zero, zero, beyond, zero + beyond),
  )
  ours = run(tiny.asked(batch, 1, NEW), sharding.key(0, run.layout))
  for one, other in zip(ours, theirs, strict=True):
    assert one.tokens.tolist() == other.tolist()
    assert not one.stopped
  assert len(np.unique(theirs)) > 4  # no model that repeats itself


def test_write_drops_what_is_outside_and_touches_one_layer():
  cfg = tiny.MODEL
  cache = kv_cache.empty(cfg, 2, 4)
  new = jnp.ones((2, 2, cfg.num_kv_heads, cfg.head_dim))
  positions = jnp.array([[1, 2], [3, 4]])
  cache = kv_cache.write(cache, jnp.int32(1), positions, new, 2 * new)
  written = np.zeros((cfg.num_layers, 2, cfg.num_kv_heads, 4, cfg.head_dim))
  written[1, 0, :, 1:3] = 1
  written[1, 1, :, 3] = 1
  np.testing.assert_array_equal(cache.keys, written)
  np.testing.assert_array_equal(cache.values, 2 * written)
  keys, values, *scales = kv_cache.read(cache, jnp.int32(1), 3)
  assert scales == [None, None]
  np.testing.assert_array_equal(keys, written[1, :, :, :3])
  np.testing.assert_array_equal(values, 2 * written[1, :, :, :3])


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("live", [1, 5, 9])
def test_only_live_slots_are_looked_at(stacked, live):
  """A token at the last live place says the same; what lies beyond is NaN."""
  cfg = tiny.MODEL
  params = tiny.single(tiny.params(cfg))
  params = params if stacked else qwen2.unstacked(params, cfg)
  cache = kv_cache.empty(cfg, 2, 12, stacked)
  tokens = jnp.arange(24).reshape(2, 12)
  places = jnp.broadcast_to(jnp.arange(12), (2, 12))
  _, cache = cached(params, cfg, tokens, places, cache)
  beyond = jnp.arange(12)[:, None] >= live
  spoiled = jax.tree.map(lambda x: jnp.where(beyond, jnp.nan, x), cache)
  token, place = tokens[:, live - 1 : live], places[:, live - 1 : live]
  whole, _ = qwen2.forward(params, cfg, token, place, cache=cache)
  short, _ = qwen2.forward(params, cfg, token, place, cache=spoiled, live=live)
  np.testing.assert_allclose(whole, short, rtol=2e-5, atol=2e-5)
