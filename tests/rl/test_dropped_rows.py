"""Rows that are not kept weigh nothing; without any, nothing moves."""

import dataclasses

import jax
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.rl import learner
from rrm_jax.sharding import fetch
from tests import tiny

from .learning import (
  ADAM,
  MODEL,
  OBJECTIVE,
  PLAIN,
  ROWS,
  close,
  fresh,
  gradient,
  placed,
  updated,
  way,
)

SOME = np.arange(ROWS) % 8 < 5


def dropping(batch, kept):
  sampled = batch.sampled & kept[:, None]
  return dataclasses.replace(batch, sampled=sampled, kept=kept)


def rows_of(batch, rows):
  return jax.tree.map(lambda x: x[rows], batch)


def same(one, other):
  jax.tree.map(np.testing.assert_array_equal, fetch(one), fetch(other))


@pytest.mark.parametrize("aggregation", ["token", "sequence", "fixed"])
def test_an_update_is_that_of_the_rows_kept(batch, aggregation):
  objective = config.Objective(aggregation=aggregation, kl_coefficient=0.1)
  expected, one = gradient(rows_of(batch, SOME), objective)
  before = tiny.params(MODEL)
  params, other = updated(
    dropping(batch, SOME),
    tiny.layout(1, 2, 1),
    chain=PLAIN,
    objective=objective,
    params=before,
    microbatches=4,
  )
  close(jax.tree.map(np.subtract, before, params), expected)
  for name in ("loss", "ratio", "kl", "entropy", "gradient_norm"):
    np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-6)


def after(state, batch, **parts):
  over = tiny.layout()
  return learner.update(
    state,
    placed(batch, over),
    way=way(),
    objective=OBJECTIVE,
    chain=ADAM,
    **parts,
  )


def moved(batch):
  """A state with moments, of parameters that decay."""
  return after(fresh(tiny.layout()), batch)[0]


def test_without_rows_nothing_moves(batch):
  nothing = dropping(batch, np.zeros(ROWS, bool))
  before = fetch(moved(batch))
  state, metrics = after(moved(batch), nothing, minibatches=2)
  same((state.params, state.opt_state), (before.params, before.opt_state))
  assert int(state.step) == before.step + 1
  assert all(np.isfinite(x).all() for x in metrics.values())
  assert not fetch(metrics["bad_rows"]).any()
  assert metrics["gradient_norm"] == 0
  # Decay and momentum would have.
  other, _ = after(moved(batch), dataclasses.replace(nothing, kept=None))
  assert distance(other.params, before.params) > 1e-3


def distance(one, other):
  parts = jax.tree.map(lambda x, y: np.square(x - y).sum(), fetch(one), other)
  return sum(jax.tree.leaves(parts)) ** 0.5


def test_a_minibatch_without_rows_moves_nothing(batch):
  """Dealt like cards: of two minibatches the second has none."""
  even = np.arange(ROWS) % 2 == 0
  found, _ = after(moved(batch), dropping(batch, even), minibatches=2)
  expected, _ = after(moved(batch), rows_of(batch, even))
  close(fetch(found.params), fetch(expected.params))
