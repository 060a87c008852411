"""Rematerialisation and bf16: the same numbers, and nearly the same."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax.model import qwen2
from tests import tiny


def loss(params, cfg, tokens):
  hidden, _ = qwen2.forward(params, cfg, tokens)
  table = jax.nn.log_softmax(hidden @ qwen2.unembedding(params, cfg))
  return -jnp.mean(table[:, :-1, 3].astype(jnp.float32))


def loss_and_gradient(cfg, tokens):
  step = jax.jit(jax.value_and_grad(loss), static_argnums=1)
  return step(tiny.single(tiny.params()), cfg, tokens)


@pytest.fixture(scope="module")
def tokens():
  rng = np.random.default_rng(0)
  return jnp.asarray(rng.integers(0, 64, (3, 16)), jnp.int32)


@pytest.mark.parametrize("remat", ["dots", "full"])
@pytest.mark.parametrize("sliding", [(), (1,)])
def test_remat_changes_memory_alone(tokens, sliding, remat):
  window = {"sliding_window": 5, "sliding_layers": sliding}
  plain = loss_and_gradient(tiny.variant(**window), tokens)
  again = loss_and_gradient(tiny.variant(**window, remat=remat), tokens)
  jax.tree.map(
    lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
    plain,
    again,
  )


def test_without_sliding_layers_nothing_is_computed_for_them(tokens):
  params = tiny.single(tiny.params())

  def program(**changes):
    cfg = tiny.variant(**changes)
    return str(
      jax.make_jaxpr(lambda p: qwen2.forward(p, cfg, tokens)[0])(params)
    )

  assert program(sliding_window=5) == program()
  assert program(sliding_window=5, sliding_layers=(1,)) != program()


def test_remat_pays_products_for_memory(tokens):
  """Scores and their use are made again first, then what weights make."""

  def price(remat):
    cfg = tiny.variant(remat=remat, num_layers=8)
    step = jax.jit(jax.grad(functools.partial(loss, cfg=cfg, tokens=tokens)))
    traced = step.trace(tiny.single(tiny.params(cfg)))
    memory = traced.lower().compile().memory_analysis()
    return str(traced.jaxpr).count("dot_general"), memory.temp_size_in_bytes

  products, memory = zip(*map(price, ("none", "dots", "full")), strict=True)
  assert products[0] < products[1] < products[2]
  assert memory[0] > memory[1] > memory[2], memory


def test_bf16_is_as_close_as_its_grain(tokens):
  """A value is rounded to 2^-9 of itself about ten times in each layer.

  Errors add like a random walk: with 2 layers about 2^-9 * sqrt(20), which is
  0.009 of the hidden states' size; twice that is allowed.
  """
  params = tiny.single(tiny.params())
  exact, _ = qwen2.forward(params, tiny.MODEL, tokens)
  half = tiny.variant(compute_dtype="bfloat16")
  found, _ = qwen2.forward(params, half, tokens)
  assert found.dtype == jnp.bfloat16
  assert qwen2.unembedding(params, half).dtype == jnp.bfloat16
  error = np.asarray(found, np.float32) - exact
  relative = np.sqrt(np.mean(error**2) / np.mean(exact**2))
  assert 2**-10 < relative < 0.018


def test_bf16_gradients_are_f32(tokens):
  value, found = loss_and_gradient(
    tiny.variant(compute_dtype="bfloat16"), tokens
  )
  exact_value, exact = loss_and_gradient(tiny.MODEL, tokens)
  np.testing.assert_allclose(value, exact_value, rtol=0.02)
  for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True):
    assert x.dtype == jnp.float32
    cosine = jnp.vdot(x, y) / jnp.linalg.norm(x) / jnp.linalg.norm(y)
    assert cosine > 0.99


def test_init_is_seeded_and_of_unit_scale():
  init = jax.jit(qwen2.init, static_argnums=1)
  one, same, other = (init(jax.random.key(i), tiny.MODEL) for i in (1, 1, 2))
  jax.tree.map(np.testing.assert_array_equal, one, same)
  assert (one["embedding"] != other["embedding"]).any()
  kernel = one["layers"]["mlp"]["down"]["kernel"]
  assert abs(kernel.std() / 48**-0.5 - 1) < 0.1
  assert abs(one["embedding"].std() / 0.02 - 1) < 0.1
  # Layers do not begin as copies of each other.
  assert (kernel[0] != kernel[1]).any()
  assert not one["layers"]["attention"]["q"]["bias"].any()


@pytest.mark.parametrize("tied", [True, False])
def test_axes_name_every_dimension(tied):
  cfg = tiny.variant(tied_embeddings=tied)
  axes, shapes = qwen2.logical_axes(cfg), qwen2.abstract(cfg)
  assert ("unembedding" in shapes) is not tied
  jax.tree.map(
    lambda names, x: np.testing.assert_equal(len(names), x.ndim),
    axes,
    shapes,
    is_leaf=lambda x: isinstance(x, tuple),
  )
  assert axes["layers"]["attention"]["o"]["kernel"] == (
    "layers",
    "heads",
    "head_dim",
    "embed",
  )
