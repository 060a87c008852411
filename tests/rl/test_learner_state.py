"""States and scores: cut as their axes say, donated, and right."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from rrm_jax.sharding import put
from tests import tiny

from .learning import (
  ADAM,
  MODEL,
  plain_logprobs,
  way,
)


def test_the_state_is_donated_cut_and_learns(batch):
  over = tiny.layout(fsdp=4, tensor=2)
  params = tiny.placed(tiny.params(MODEL), over, MODEL)
  state = train_state.init_state(params, MODEL, ADAM, over)
  rows = put(batch, over.named("batch"))
  losses = []
  for _ in range(3):
    old = state
    state, metrics = learner.update(
      state,
      rows,
      way=way(over),
      objective=None,
      chain=ADAM,
    )
    assert all(x.is_deleted() for x in jax.tree.leaves(old))
    losses.append(float(metrics["loss"]))
  assert losses[0] > losses[1] > losses[2]
  # The parameters it started from are another copy.
  assert not any(x.is_deleted() for x in jax.tree.leaves(params))
  assert int(state.step) == 3
  expected = train_state.state_shardings(MODEL, ADAM, over)
  jax.tree.map(
    lambda x, s: None if x.sharding.is_equivalent_to(s, x.ndim) else 1 / 0,
    state,
    expected,
  )


def moments(tree):
  """The subtrees of an optimizer state that have the parameters' shape."""
  inner = jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, dict))
  return [x for x in inner if isinstance(x, dict)]


def test_moments_are_cut_like_their_parameters():
  over = tiny.layout(fsdp=4, tensor=2)
  state = train_state.init_state(
    tiny.placed(tiny.params(MODEL), over, MODEL), MODEL, ADAM, over
  )
  found = moments(state.opt_state)
  assert len(found) == 2  # AdamW's first and second
  for moment in found:
    jax.tree.map(
      lambda m, p: np.testing.assert_equal(
        [s.data.shape for s in m.addressable_shards],
        [s.data.shape for s in p.addressable_shards],
      ),
      moment,
      state.params,
    )
  up = found[0]["layers"]["mlp"]["up"]["kernel"]
  assert up.addressable_shards[0].data.shape == (2, 32 // 4, 48 // 2)


def test_abstract_states_describe_real_ones():
  over = tiny.layout(fsdp=4, tensor=2)
  params = train_state.init_params(jax.random.key(0), MODEL, over)
  state = train_state.init_state(params, MODEL, ADAM, over)
  described = train_state.abstract_state(MODEL, ADAM, over)
  assert jax.tree.structure(state) == jax.tree.structure(described)
  for x, y in zip(
    jax.tree.leaves((state, params)),
    jax.tree.leaves((described, train_state.abstract_params(MODEL, over))),
    strict=True,
  ):
    assert (x.shape, x.dtype) == (y.shape, y.dtype)
    assert x.sharding.is_equivalent_to(y.sharding, x.ndim)


def test_an_uneven_mesh_is_named():
  with pytest.raises(ValueError, match=r"kv_heads=2 does not divide into 4"):
    train_state.state_shardings(tiny.MODEL, ADAM, tiny.layout(fsdp=2, tensor=4))


@pytest.mark.parametrize("microbatches", [1, 4])
def test_scores_by_the_plain_formula(batch, microbatches):
  params = tiny.single(tiny.params(MODEL))
  tokens = jnp.asarray(batch.tokens)
  found = learner.score(
    params,
    tokens,
    None,
    way=way(),
    microbatches=microbatches,
  )
  assert not found[:, 0].any()
  np.testing.assert_allclose(
    found, plain_logprobs(params, tokens), rtol=2e-5, atol=2e-5
  )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_frozen_weights_score_the_same_to_the_bit(batch, dtype):
  cfg = dataclasses.replace(MODEL, compute_dtype=dtype)
  over = tiny.layout(fsdp=2)
  params = tiny.placed(tiny.params(MODEL), over, MODEL)
  frozen = train_state.frozen(params, cfg, over)
  wanted = jax.tree.leaves(train_state.abstract_frozen(cfg, over))
  for x, shape in zip(jax.tree.leaves(frozen), wanted, strict=True):
    assert (x.dtype, x.sharding) == (jnp.dtype(dtype), shape.sharding)
  score = functools.partial(
    learner.score,
    tokens=put(batch.tokens, over.named("batch")),
    prefix=None,
    way=learner.Way(cfg, UNFILTERED, over),
  )
  np.testing.assert_array_equal(score(params), score(frozen))
