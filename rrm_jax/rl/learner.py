"""The learner: score rows, update on them.

Both are compiled once per shape. An update walks over its minibatches
inside one program, and over each minibatch's microbatches by adding up (sum,
weight) pairs, so the split changes memory and nothing else.
"""

import functools

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from rrm_jax import config
from rrm_jax.batches import LearnerBatch, Params, TrainState
from rrm_jax.model import qwen2
from rrm_jax.ops import masked
from rrm_jax.ops.filters import Filters
from rrm_jax.ops.logprobs import logprobs as token_logprobs
from rrm_jax.rl import losses
from rrm_jax.sharding import Layout

Metrics = dict[str, jax.Array]


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
  """The weighted loss summed over this batch's tokens, and metrics' sums.

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
      loss, more = policy_loss(logprobs, batch, objective)
      sums |= more
      loss *= losses.row_weights(batch.sampled, objective.aggregation)
    sums["loss"] = masked.total(loss, batch.sampled)
    finite = jnp.isfinite(loss) | ~batch.sampled
  return sums["loss"], (sums, ~finite.all(axis=1))


def policy_loss(
  logprobs: Array, batch: LearnerBatch, objective: config.Objective
) -> tuple[Array, Metrics]:
  """The objective's loss per token, and its metrics' sums over tokens."""
  surrogate = losses.policy(
    logprobs, batch.logprobs, batch.advantages, batch.sampled, objective
  )
  loss = surrogate.loss
  seen = {
    "clipped": surrogate.clipped.astype(jnp.float32),
    "ratio": surrogate.ratio,
    "logprob_difference": jnp.abs(logprobs - batch.logprobs),
  }
  if batch.importance is not None:
    loss = loss * batch.importance
    seen["importance"] = batch.importance
  if objective.kl_coefficient and objective.kl_in == "loss":
    seen["kl"] = losses.divergence(
      logprobs, batch.reference_logprobs, objective.kl_estimator
    )
    loss = loss + objective.kl_coefficient * seen["kl"]
  sums = {name: masked.total(x, batch.sampled) for name, x in seen.items()}
  return loss, sums


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

  The loss is the `objective`'s over a minibatch's `sampled` tokens, summed as
  it says; without one, the supervised loss and its mean. With a `window` the
  sampled tokens of a row lie within that many columns, and only there logits
  are made.

  Of the metrics, each but the loss a mean over tokens, the first minibatch's
  are kept under their names: it alone is on-policy, so there
  `logprob_difference` is that between sampler and learner. The last
  minibatch's `ratio` and `clipped` show how far the step went, and its
  `gradient_norm` that no update before it went wrong. `parameter_norm` is the
  new state's, which may be saved if it is finite. `bad_rows` [N] marks rows
  whose own loss is not finite, in the first minibatch that has any: its update
  spoils all that follow.
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
    tokens = losses.total_weight(rows.sampled, "token", 0)
    weight = tokens
    if objective is not None:
      longest = window or rows.tokens.shape[1]
      weight = losses.total_weight(rows.sampled, objective.aggregation, longest)
    grads = jax.tree.map(lambda x: x / weight, grads)
    metrics = {name: x / tokens for name, x in sums.items()}
    metrics["loss"] = sums["loss"] / weight
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
