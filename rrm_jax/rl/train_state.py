"""Training states: how they are cut, started, moved, and described."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree

from rrm_jax import config
from rrm_jax.batches import Params, TrainState
from rrm_jax.model import qwen2
from rrm_jax.sharding import Layout


def state_shardings(
  cfg: config.Model, chain: optax.GradientTransformation, layout: Layout
) -> TrainState:
  """How a training state is cut: moments as their parameters.

  Raises:
    ValueError: a parameter cannot be cut evenly over this mesh.
  """
  shapes = qwen2.abstract(cfg)
  params = layout.shardings(qwen2.logical_axes(cfg), shapes)
  with jax.transfer_guard("allow"):  # optax makes scalars on the way
    moments = optax.tree_map_params(
      chain,
      lambda _, sharding: sharding,
      jax.eval_shape(chain.init, shapes),
      params,
      transform_non_params=lambda _: layout.replicated,
    )
  return TrainState(layout.replicated, params, moments)


def init_params(key: PRNGKeyArray, cfg: config.Model, layout: Layout) -> Params:
  """Random parameters, made where they belong."""
  shardings = layout.shardings(qwen2.logical_axes(cfg), qwen2.abstract(cfg))
  make = jax.jit(qwen2.init, static_argnums=1, out_shardings=shardings)
  return make(key, cfg)


def init_state(
  params: Params,
  cfg: config.Model,
  chain: optax.GradientTransformation,
  layout: Layout,
) -> TrainState:
  """A state at step 0 on a copy of `params`, which stay usable."""
  make = jax.jit(
    lambda p: TrainState(
      jnp.int32(0), jax.tree.map(jnp.copy, p), chain.init(p)
    ),
    out_shardings=state_shardings(cfg, chain, layout),
  )
  return make(params)


def moved(
  state: TrainState,
  gradient: Params,
  chain: optax.GradientTransformation,
  kept: Bool[Array, " N"] | None = None,
) -> TrainState:
  """The state after one move of the optimizer; its step is not counted here.

  Where no row is `kept` there is nothing to follow: parameters, moments and the
  schedule's count stay, as decay and momentum would move them.
  """
  moves, opt_state = chain.update(gradient, state.opt_state, state.params)
  params = optax.apply_updates(state.params, moves)
  after = TrainState(state.step, params, opt_state)
  if kept is None:
    return after
  some = kept.any()
  return jax.tree.map(lambda x, y: jnp.where(some, x, y), after, state)


def frozen(params: Params, cfg: config.Model, layout: Layout) -> Params:
  """Weights that are only read, in the dtype that they are computed with.

  A forward pass casts them to it in any case: what it gives is the same, to
  the bit.
  """
  shardings = layout.shardings(qwen2.logical_axes(cfg), qwen2.abstract(cfg))
  cast = jax.jit(
    lambda tree: jax.tree.map(lambda x: x.astype(cfg.compute_dtype), tree),
    out_shardings=shardings,
  )
  return cast(params)


def abstract_frozen(cfg: config.Model, layout: Layout) -> Params:
  """What `frozen` gives, without any memory."""
  return jax.tree.map(
    lambda x: x.update(dtype=jnp.dtype(cfg.compute_dtype)),
    abstract_params(cfg, layout),
  )


def abstract_params(cfg: config.Model, layout: Layout) -> Params:
  """Shapes, dtypes and shardings of the parameters, for restoring them."""
  shapes = qwen2.abstract(cfg)
  return _placed(shapes, layout.shardings(qwen2.logical_axes(cfg), shapes))


def abstract_state(
  cfg: config.Model, chain: optax.GradientTransformation, layout: Layout
) -> TrainState:
  """Shapes, dtypes and shardings of a state, for restoring one."""
  shapes = jax.eval_shape(
    lambda p: TrainState(jnp.int32(0), p, chain.init(p)), qwen2.abstract(cfg)
  )
  return _placed(shapes, state_shardings(cfg, chain, layout))


def _placed(shapes: PyTree, shardings: PyTree) -> PyTree:
  return jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
    shapes,
    shardings,
  )
