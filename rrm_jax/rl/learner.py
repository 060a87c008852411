"""The learner: start a state, score rows, update on them.

All three are compiled once per shape. An update walks over its minibatches
inside one program, and over each minibatch's microbatches by adding up (sum,
weight) pairs, so the split changes memory and nothing else.
"""

import functools

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rrm_jax import config
from rrm_jax.batches import LearnerBatch, Params, TrainState
from rrm_jax.model import qwen2
from rrm_jax.ops import masked
from rrm_jax.ops.filters import Filters
from rrm_jax.ops.logprobs import logprobs as token_logprobs
from rrm_jax.rl import losses
from rrm_jax.sharding import Layout

Metrics = dict[str, jax.Array]


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


def _row_logprobs(
  params: Params,
  tokens: Array,
  sampled: Array,
  cfg: config.Model,
  filters: Filters,
  layout: Layout,
  window: int | None,
) -> tuple[Float[Array, "N T"], Float[Array, "N T"]]:
  """log p(token t | tokens < t) and the entropy there.

  With a window, only of that many tokens from the first sampled one, 0
  elsewhere: with a large vocabulary the logits of a long prompt would cost
  more than the layers.
  """
  hidden, _ = qwen2.forward(params, cfg, tokens, layout=layout)
  rows, columns = tokens.shape
  first = jnp.maximum(jnp.argmax(sampled, axis=1), 1) if window else 1
  width = window or columns - 1
  at = jnp.reshape(first, (-1, 1)) + jnp.arange(width)
  # Windows that reach over the end meet at the last column.
  at = jnp.broadcast_to(jnp.minimum(at, columns - 1), (rows, width))
  read = jnp.take_along_axis(hidden, at[..., None] - 1, axis=1)
  flat, entropy = token_logprobs(
    read.reshape(rows * width, -1),
    qwen2.unembedding(params, cfg),
    jnp.take_along_axis(tokens, at, axis=1).reshape(-1),
    filters,
  )
  row = jnp.arange(rows)[:, None]

  def place(x: Array) -> Array:
    empty = jnp.zeros((rows, columns), jnp.float32)
    return empty.at[row, at].set(x.reshape(rows, width))

  return place(flat), place(entropy)


@functools.partial(
  jax.jit,
  static_argnames=("cfg", "filters", "layout", "microbatches", "window"),
)
def score(
  params: Params,
  tokens: Array,
  sampled: Array,
  *,
  cfg: config.Model,
  filters: Filters,
  layout: Layout,
  microbatches: int = 1,
  window: int | None = None,
) -> Float[Array, "N T"]:
  """Log-probabilities of given rows, for the reference model.

  With a `window`, of that many tokens from a row's first sampled one.
  """

  def part(rows: tuple[Array, Array]) -> Array:
    return _row_logprobs(params, *rows, cfg, filters, layout, window)[0]

  shape = (microbatches, -1, tokens.shape[-1])
  out = jax.lax.map(part, (tokens.reshape(shape), sampled.reshape(shape)))
  return out.reshape(tokens.shape)


def _loss_sums(
  params: Params,
  batch: LearnerBatch,
  objective: config.Objective | None,
  cfg: config.Model,
  filters: Filters,
  layout: Layout,
  window: int | None,
) -> tuple[Array, tuple[Metrics, Array]]:
  """The loss summed over this batch's tokens, and its metrics' sums.

  Beside them `bad_rows`: which rows have a loss that is not finite.
  """
  logprobs, entropy = _row_logprobs(
    params, batch.tokens, batch.sampled, cfg, filters, layout, window
  )
  # Before anything is exponentiated: 0 times an overflow is not a 0 gradient.
  logprobs = jnp.where(batch.sampled, logprobs, 0.0)
  with jax.named_scope("loss"):
    sums = {"entropy": masked.total(entropy, batch.sampled)}
    if objective is None:
      loss = losses.negative_log_likelihood(logprobs)
    else:
      surrogate = losses.clipped_surrogate(
        logprobs,
        batch.logprobs,
        batch.advantages,
        objective.clip_low,
        objective.clip_high,
      )
      loss = surrogate.loss
      drift = jnp.abs(logprobs - batch.logprobs)
      sums["clipped"] = masked.total(
        surrogate.clipped.astype(jnp.float32), batch.sampled
      )
      sums["ratio"] = masked.total(surrogate.ratio, batch.sampled)
      sums["logprob_difference"] = masked.total(drift, batch.sampled)
      if objective.kl_coefficient:
        kl = losses.k3(logprobs, batch.reference_logprobs)
        loss = loss + objective.kl_coefficient * kl
        sums["kl"] = masked.total(kl, batch.sampled)
    sums["loss"] = masked.total(loss, batch.sampled)
    finite = jnp.isfinite(loss) | ~batch.sampled
  return sums["loss"], (sums, ~finite.all(axis=1))


@functools.partial(
  jax.jit,
  static_argnames=(
    "cfg", "objective", "chain", "filters", "layout", "minibatches",
    "microbatches", "window",
  ),
  donate_argnames=("state",),
)  # fmt: skip
def update(
  state: TrainState,
  batch: LearnerBatch,
  *,
  cfg: config.Model,
  objective: config.Objective | None,
  chain: optax.GradientTransformation,
  filters: Filters,
  layout: Layout,
  minibatches: int = 1,
  microbatches: int = 1,
  window: int | None = None,
) -> tuple[TrainState, Metrics]:
  """One step's optimizer updates, one per minibatch.

  The loss is a mean over the `sampled` tokens of a minibatch. With an
  `objective` it is the clipped surrogate with an optional KL term, without
  one the supervised loss. With a `window` the sampled tokens of a row lie
  within that many columns, and only there logits are made.

  Of the metrics, each a mean over tokens, the first minibatch's are kept
  under their names: it alone is on-policy, so there `logprob_difference` is
  that between sampler and learner. The last minibatch's `ratio` and `clipped`
  show how far the step went, and its `gradient_norm` that no update before it
  went wrong. `parameter_norm` is the new state's, which may be saved if it is
  finite. `bad_rows` [N] marks rows whose own loss is not finite, in the first
  minibatch that has any: its update spoils all that follow.
  """
  loss_sums = functools.partial(
    _loss_sums,
    objective=objective,
    cfg=cfg,
    filters=filters,
    layout=layout,
    window=window,
  )
  gradient = jax.value_and_grad(loss_sums, has_aux=True)

  def minibatch(
    state: TrainState, rows: LearnerBatch
  ) -> tuple[TrainState, Metrics]:
    def accumulate(totals: tuple, part: LearnerBatch) -> tuple[tuple, Array]:
      (_, (sums, bad_rows)), grads = gradient(state.params, part)
      return jax.tree.map(jnp.add, totals, (grads, sums)), bad_rows

    split = _split(rows, microbatches)
    part = jax.tree.map(lambda x: x[0], split)
    (_, (sums, _)), grads = jax.eval_shape(gradient, state.params, part)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (grads, sums))
    (grads, sums), bad_rows = jax.lax.scan(accumulate, zeros, split)
    weight = jnp.maximum(masked.count(rows.sampled), 1.0)
    grads, metrics = jax.tree.map(lambda x: x / weight, (grads, sums))
    with jax.named_scope("optimizer"):
      moves, opt_state = chain.update(grads, state.opt_state, state.params)
      params = optax.apply_updates(state.params, moves)
    metrics["gradient_norm"] = optax.tree.norm(grads)
    metrics["parameter_norm"] = optax.tree.norm(params)
    metrics["bad_rows"] = bad_rows
    return TrainState(state.step, params, opt_state), metrics

  state, metrics = jax.lax.scan(minibatch, state, _split(batch, minibatches))
  bad_rows = metrics.pop("bad_rows")  # minibatch, microbatch, row
  first = {name: value[0] for name, value in metrics.items()}
  broken = ~jnp.isfinite(metrics["gradient_norm"])
  spoiled = jnp.cumsum(broken) > broken
  bad_rows &= ~spoiled[:, None, None]
  first["parameter_norm"] = metrics["parameter_norm"][-1]
  first["bad_rows"] = bad_rows.transpose(2, 1, 0).reshape(-1)
  if objective is not None:
    first["last_gradient_norm"] = metrics["gradient_norm"][-1]
    first["last_ratio"] = metrics["ratio"][-1]
    first["last_clipped"] = metrics["clipped"][-1]
  return TrainState(state.step + 1, state.params, state.opt_state), first


def _split(batch: LearnerBatch, parts: int) -> LearnerBatch:
  """Deals the rows out into `parts` batches, stacked in front.

  Dealt like cards, so that on a mesh every part keeps rows on every device
  and the samples of one comparison spread over the minibatches.
  """

  def deal(x: jax.Array) -> jax.Array:
    return jnp.moveaxis(x.reshape(-1, parts, *x.shape[1:]), 1, 0)

  return jax.tree.map(deal, batch)
