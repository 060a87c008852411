"""The schedule's values, the decay's mask, and AdamW's first steps by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, optimizer
from rrm_jax.model import qwen2
from tests import tiny


def rates(updates, **fields):
  cfg = config.Optimizer(learning_rate=0.8, **fields)
  schedule = optimizer.schedule(cfg, updates)
  return [float(schedule(i)) for i in range(updates + 1)]


@pytest.mark.parametrize(
  "fields, expected",
  [
    ({}, [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]),
    # The first update already moves; the warm-up ends at the peak.
    ({"warmup_steps": 4}, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8]),
    ({"warmup_steps": 1}, [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]),
    (
      {"schedule": "linear", "warmup_steps": 2},
      [0.4, 0.8, 0.8, 0.6, 0.4, 0.2, 0.0],
    ),
    (
      {"schedule": "linear", "warmup_steps": 2, "final_fraction": 0.5},
      [0.4, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4],
    ),
    # Half a cosine: 1, (1 + cos 45)/2, 1/2, (1 - cos 45)/2, 0.
    (
      {"schedule": "cosine", "warmup_steps": 2},
      [0.4, 0.8, 0.8, 0.682843, 0.4, 0.117157, 0.0],
    ),
    (
      {"schedule": "cosine", "warmup_steps": 2, "final_fraction": 0.25},
      [0.4, 0.8, 0.8, 0.712132, 0.5, 0.287868, 0.2],
    ),
  ],
)
def test_schedules_by_hand(fields, expected):
  np.testing.assert_allclose(rates(6, **fields), expected, atol=1e-6)


def test_a_warmup_longer_than_the_stage():
  np.testing.assert_allclose(
    rates(2, schedule="cosine", warmup_steps=4), [0.2, 0.4, 0.6], atol=1e-6
  )


@pytest.mark.parametrize("tied", [True, False])
def test_matrices_decay_and_vectors_do_not(tied):
  mask = optimizer.decayed(qwen2.abstract(tiny.variant(tied_embeddings=tied)))
  attention = mask["layers"]["attention"]
  for name in ("q", "k", "v"):
    assert attention[name] == {"kernel": True, "bias": False}
  assert attention["o"] == {"kernel": True}
  assert mask["layers"]["mlp"]["down"] == {"kernel": True}
  assert mask["layers"]["mlp_norm"] == {"scale": False}
  assert mask["final_norm"] == {"scale": False}
  assert mask["embedding"] is True
  assert mask.get("unembedding") is (None if tied else True)


PARAMS = {
  "kernel": jnp.array([[1.0, -2.0]]),
  "bias": jnp.array([3.0]),
}


def moved(grads, **fields):
  chain = optimizer.build(config.Optimizer(learning_rate=0.1, **fields), 10)
  moves, _ = chain.update(grads, chain.init(PARAMS), PARAMS)
  return jax.tree.map(jnp.add, PARAMS, moves)


def test_the_first_update_by_hand():
  """Corrected for bias, Adam's first move is rate * sign(gradient)."""
  grads = {"kernel": jnp.array([[0.3, -0.4]]), "bias": jnp.array([0.5])}
  out = moved(grads)
  np.testing.assert_allclose(out["kernel"], [[0.9, -1.9]], rtol=1e-6)
  np.testing.assert_allclose(out["bias"], [2.9], rtol=1e-6)


def test_decay_is_decoupled_and_spares_the_bias():
  zero = jax.tree.map(jnp.zeros_like, PARAMS)
  out = moved(zero, weight_decay=0.5)
  # 1 - rate * decay = 0.95, whatever the gradient.
  np.testing.assert_allclose(out["kernel"], [[0.95, -1.9]], rtol=1e-6)
  np.testing.assert_array_equal(out["bias"], PARAMS["bias"])


@pytest.mark.parametrize(
  "clip, factor", [(1.0, 0.2), (2.5, 0.5), (9.0, 1.0), (0.0, 1.0)]
)
def test_the_global_norm_is_clipped(clip, factor):
  """Norm 5 over both arrays, seen in the first moment."""
  grads = {"kernel": jnp.array([[3.0, 0.0]]), "bias": jnp.array([4.0])}
  chain = optimizer.build(config.Optimizer(clip_norm=clip), 1)
  _, state = chain.update(grads, chain.init(PARAMS), PARAMS)
  first = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, dict))
  mu = next(x for x in first if isinstance(x, dict))
  # The first moment after one update is (1 - b1) times the gradient.
  np.testing.assert_allclose(mu["bias"], [0.1 * 4 * factor], rtol=1e-5)
  np.testing.assert_allclose(mu["kernel"], [[0.1 * 3 * factor, 0]], rtol=1e-5)
