"""The learner: score rows, update on them.

Both are compiled once per shape. An update walks over its minibatches
inside one program, and over each minibatch's microbatches by adding up (sum,
weight) pairs, so the split changes memory and nothing else.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from rrm_jax import config
from rrm_jax.batches import LearnerBatch, Params, Prefix, TrainState
from rrm_jax.model import qwen2
from rrm_jax.ops import masked
from rrm_jax.ops.filters import Filters
from rrm_jax.ops.logprobs import logprobs as token_logprobs
from rrm_jax.ops.shared_attention import Shared
from rrm_jax.rl import losses, train_state
from rrm_jax.sharding import Layout

Metrics = dict[str, jax.Array]


class Way(NamedTuple):
  """How log-probabilities come about; static.

  Attributes:
    cfg: The model's shape.
    filters: Of the sampler, whose distribution this is.
    layout: The devices.
    shared: With a prefix, whether a prompt passes through the model once for
      all its completions, or with each of them.
  """

  cfg: config.Model
  filters: Filters
  layout: Layout
  shared: bool = True


def _logprobs(
  params: Params, tokens: Array, prefix: Prefix | None, way: Way
) -> tuple[Float[Array, "N T"], Float[Array, "N T"]]:
  """log p(token t | what is before it) and the entropy there.

  Without a prefix there is nothing before the first column: 0 there.
  """
  if prefix is None:
    hidden, _ = qwen2.forward(params, way.cfg, tokens, layout=way.layout)
    hidden = hidden[:, :-1]
    targets = tokens[:, 1:]
  else:
    read = _shared if way.shared else _apart
    hidden, targets = read(params, tokens, prefix, way), tokens
  flat, entropy = token_logprobs(
    hidden.reshape(-1, hidden.shape[-1]),
    qwen2.unembedding(params, way.cfg),
    targets.reshape(-1),
    way.filters,
    way.layout,
  )
  first = ((0, 0), (tokens.shape[1] - targets.shape[1], 0))
  return (
    jnp.pad(flat.reshape(targets.shape), first),
    jnp.pad(entropy.reshape(targets.shape), first),
  )


def _shared(
  params: Params, tokens: Array, prefix: Prefix, way: Way
) -> Float[Array, "N T D"]:
  """The hidden state before each token; a prompt is read once.

  A group is one row: its prompt, then its completions, each of which begins at
  the prompt's end. That is Tp + G T tokens through the model, not G (Tp + T).
  """
  (prompts, columns), (rows, width) = prefix.tokens.shape, tokens.shape
  samples = rows // prompts
  packed = tokens.reshape(prompts, -1)
  place = jnp.arange(samples * width) % width
  begun = jnp.broadcast_to(jnp.arange(columns), prefix.tokens.shape)
  hidden, _ = qwen2.forward(
    params,
    way.cfg,
    jnp.concatenate([prefix.tokens, packed], 1),
    jnp.concatenate([begun, prefix.length[:, None] + place], 1),
    shared=Shared(prefix.length, columns, samples),
    layout=way.layout,
  )
  last = hidden[jnp.arange(prompts), prefix.length - 1]
  own = hidden[:, columns:].reshape(rows, width, -1)
  first = jnp.repeat(last, samples, 0)[:, None]
  return jnp.concatenate([first, own[:, :-1]], 1)


def _apart(
  params: Params, tokens: Array, prefix: Prefix, way: Way
) -> Float[Array, "N T D"]:
  """The same, of compact rows that begin with their prompt."""
  width, samples = tokens.shape[1], len(tokens) // len(prefix.tokens)
  prompts = jnp.repeat(prefix.tokens, samples, 0)
  length = jnp.repeat(prefix.length, samples)[:, None]
  column = jnp.arange(prompts.shape[1] + width)
  both = jnp.concatenate([prompts, tokens], 1)
  # After the prompt's tokens come those from its padded end on.
  source = jnp.where(
    column < length, column, column - length + prompts.shape[1]
  )
  compact = jnp.take_along_axis(both, source, axis=1, mode="clip")
  hidden, _ = qwen2.forward(params, way.cfg, compact, layout=way.layout)
  before = length - 1 + jnp.arange(width)
  return jnp.take_along_axis(hidden, before[..., None], axis=1)


@functools.partial(jax.jit, static_argnames=("way", "microbatches"))
def score(
  params: Params,
  tokens: Array,
  prefix: Prefix | None,
  *,
  way: Way,
  microbatches: int = 1,
) -> Float[Array, "N T"]:
  """Log-probabilities of given rows, for the reference model."""

  def part(rows: tuple[Array, Prefix | None]) -> Array:
    return _logprobs(params, *rows, way)[0]

  rows = jax.tree.map(
    lambda x: x.reshape(microbatches, -1, *x.shape[1:]), (tokens, prefix)
  )
  return jax.lax.map(part, rows).reshape(tokens.shape)


def _loss_sums(
  params: Params,
  batch: LearnerBatch,
  objective: config.Objective | None,
  way: Way,
) -> tuple[Array, tuple[Metrics, Array]]:
  """The weighted loss summed over this batch's tokens, and metrics' sums.

  Beside them `bad_rows`: which rows have a loss that is not finite.
  """
  logprobs, entropy = _logprobs(params, batch.tokens, batch.prefix, way)
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
    "way", "objective", "chain", "minibatches", "microbatches", "longest",
  ),
  donate_argnames=("state",),
)  # fmt: skip
def update(
  state: TrainState,
  batch: LearnerBatch,
  *,
  way: Way,
  objective: config.Objective | None,
  chain: optax.GradientTransformation,
  minibatches: int = 1,
  microbatches: int = 1,
  longest: int = 0,
) -> tuple[TrainState, Metrics]:
  """One step's optimizer updates, one per minibatch.

  The loss is the `objective`'s over a minibatch's `sampled` tokens, summed as
  it says; without one, the supervised loss and its mean. `longest` is the most
  tokens that a completion may have, which "fixed" aggregation divides by. A
  minibatch of which no row is kept moves nothing.

  Of the metrics, but for the loss and the norms means over tokens, the first
  minibatch's are kept under their names: it alone is on-policy, so there
  `logprob_difference` is that between sampler and learner (with `importance`,
  whose old log-probabilities are the learner's own, it is none). The last
  minibatch's `ratio` and `clipped` show how far the step went, and its
  `gradient_norm` that no update before it went wrong. `parameter_norm` is the
  new state's, which may be saved if it is finite. `bad_rows` [N] marks rows
  whose own loss is not finite, in the first minibatch that has any: its update
  spoils all that follow.
  """
  loss_sums = functools.partial(_loss_sums, objective=objective, way=way)
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
      most = longest or rows.tokens.shape[1]
      weight = losses.total_weight(
        rows.sampled, objective.aggregation, most, rows.kept
      )
    grads = jax.tree.map(lambda x: x / weight, grads)
    metrics = {name: x / tokens for name, x in sums.items()}
    metrics["loss"] = sums["loss"] / weight
    with jax.named_scope("optimizer"):
      state = train_state.moved(state, grads, chain, rows.kept)
    metrics["gradient_norm"] = optax.tree.norm(grads)
    metrics["parameter_norm"] = optax.tree.norm(state.params)
    metrics["bad_rows"] = bad_rows
    return state, metrics

  state, metrics = jax.lax.scan(minibatch, state, _split(batch, minibatches))
  bad_rows = metrics.pop("bad_rows")  # minibatch, microbatch, row of it
  first = {name: value[0] for name, value in metrics.items()}
  broken = ~jnp.isfinite(metrics["gradient_norm"])
  spoiled = jnp.cumsum(broken) > broken
  bad_rows &= ~spoiled[:, None, None]
  first["parameter_norm"] = metrics["parameter_norm"][-1]
  first["bad_rows"] = _gathered(bad_rows, _samples(batch))
  if objective is not None:
    first["last_gradient_norm"] = metrics["gradient_norm"][-1]
    first["last_ratio"] = metrics["ratio"][-1]
    first["last_clipped"] = metrics["clipped"][-1]
  return TrainState(state.step + 1, state.params, state.opt_state), first


def _samples(batch: LearnerBatch) -> int:
  """Rows that stay together: the completions of a prompt, or each alone."""
  if batch.prefix is None:
    return 1
  return len(batch.tokens) // len(batch.prefix.length)


def _split(batch: LearnerBatch, parts: int) -> LearnerBatch:
  """Deals the rows out into `parts` batches, stacked in front.

  Dealt like cards, so that on a mesh every part keeps rows on every device.
  Rows with a prefix are dealt with all that share it.
  """
  groups = len(batch.tokens) // _samples(batch)

  def deal(x: jax.Array) -> jax.Array:
    hands = x.reshape(groups // parts, parts, -1, *x.shape[1:])
    return hands.swapaxes(0, 1).reshape(parts, -1, *x.shape[1:])

  return jax.tree.map(deal, batch)


def _gathered(dealt: jax.Array, samples: int) -> jax.Array:
  """Rows that were dealt out twice, [minibatch, microbatch, row], in order."""
  hands = dealt.reshape(*dealt.shape[:2], -1, samples)
  return hands.transpose(2, 1, 0, 3).reshape(-1)
