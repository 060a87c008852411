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
  cfg: config.Model,
  temperature: float,
  layout: Layout,
) -> tuple[Float[Array, "N T"], Float[Array, "N T"]]:
  """log p(token t | tokens < t) and the entropy there; 0 at t = 0."""
  hidden, _ = qwen2.forward(params, cfg, tokens, layout=layout)
  rows, columns = tokens.shape
  flat, entropy = token_logprobs(
    hidden[:, :-1].reshape(rows * (columns - 1), -1),
    qwen2.unembedding(params, cfg),
    tokens[:, 1:].reshape(-1),
    temperature,
  )
  first = ((0, 0), (1, 0))
  return (
    jnp.pad(flat.reshape(rows, columns - 1), first),
    jnp.pad(entropy.reshape(rows, columns - 1), first),
  )


@functools.partial(
  jax.jit, static_argnames=("cfg", "temperature", "layout", "microbatches")
)
def score(
  params: Params,
  tokens: Array,
  *,
  cfg: config.Model,
  temperature: float,
  layout: Layout,
  microbatches: int = 1,
) -> Float[Array, "N T"]:
  """Log-probabilities of given rows, for the reference model."""
  split = tokens.reshape(microbatches, -1, tokens.shape[-1])
  out = jax.lax.map(
    lambda rows: _row_logprobs(params, rows, cfg, temperature, layout)[0],
    split,
  )
  return out.reshape(tokens.shape)


def _loss_sums(
  params: Params,
  batch: LearnerBatch,
  objective: config.Objective | None,
  cfg: config.Model,
  temperature: float,
  layout: Layout,
) -> tuple[Array, tuple[Metrics, Array]]:
  """The loss summed over this batch's tokens, and its metrics' sums.

  Beside them `bad_rows`: which rows have a loss that is not finite.
  """
  logprobs, entropy = _row_logprobs(
    params, batch.tokens, cfg, temperature, layout
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
    "cfg", "objective", "chain", "temperature", "layout", "minibatches",
    "microbatches",
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
  temperature: float,
  layout: Layout,
  minibatches: int = 1,
  microbatches: int = 1,
) -> tuple[TrainState, Metrics]:
  """One step's optimizer updates, one per minibatch.

  The loss is a mean over the `sampled` tokens of a minibatch. With an
  `objective` it is the clipped surrogate with an optional KL term, without
  one the supervised loss. Of the metrics, each a mean over tokens, the first
  minibatch's are kept under their names: it alone is on-policy, so there
  `logprob_difference` is that between sampler and learner. The last
  minibatch's `ratio` and `clipped` show how far the step went, and its
  `gradient_norm` that no update before it went wrong. `bad_rows` [N] marks
  rows whose own loss is not finite, in the first minibatch that has any: its
  update spoils the parameters for all rows that follow.
  """
  gradient = jax.value_and_grad(_loss_sums, has_aux=True)

  def accumulate(carry: tuple, rows: LearnerBatch) -> tuple[tuple, Array]:
    params, total, sums = carry
    (_, (more, bad_rows)), grads = gradient(
      params, rows, objective, cfg, temperature, layout
    )
    return (
      params,
      jax.tree.map(jnp.add, total, grads),
      jax.tree.map(jnp.add, sums, more),
    ), bad_rows

  def minibatch(
    state: TrainState, rows: LearnerBatch
  ) -> tuple[TrainState, Metrics]:
    split = _split(rows, microbatches)
    zeros = jax.tree.map(jnp.zeros_like, state.params)
    none = jax.eval_shape(
      lambda p, r: _loss_sums(p, r, objective, cfg, temperature, layout)[1][0],
      state.params,
      jax.tree.map(lambda x: x[0], split),
    )
    none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), none)
    (_, grads, sums), bad_rows = jax.lax.scan(
      accumulate, (state.params, zeros, none), split
    )
    weight = jnp.maximum(masked.count(rows.sampled), 1.0)
    grads, metrics = jax.tree.map(lambda x: x / weight, (grads, sums))
    with jax.named_scope("optimizer"):
      moves, opt_state = chain.update(grads, state.opt_state, state.params)
      params = optax.apply_updates(state.params, moves)
    metrics["gradient_norm"] = optax.tree.norm(grads)
    metrics["bad_rows"] = bad_rows
    return TrainState(state.step, params, opt_state), metrics

  state, metrics = jax.lax.scan(minibatch, state, _split(batch, minibatches))
  bad_rows = metrics.pop("bad_rows")  # minibatch, microbatch, row
  first = {name: value[0] for name, value in metrics.items()}
  broken = ~jnp.isfinite(metrics["gradient_norm"])
  spoiled = jnp.cumsum(broken) > broken
  bad_rows &= ~spoiled[:, None, None]
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
