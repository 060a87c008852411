"""Log-probabilities and entropy from hidden states, never all logits at once.

Rows meet the vocabulary in blocks of words, forward and backward; of the
logits only their running log-sum-exp is kept (as in arXiv 1805.02867), and the
backward pass makes them again. Peak memory is one block [N, w] in place of
[N, V]: at 12k tokens and 152k words that is 64 MiB in place of 7 GiB.

Blocks of words and not of rows: each block's part of the unembedding is
gathered once, when its turn comes, and its gradient is whole after one product
and summed over devices once. With blocks of rows both would happen for each, or
the whole matrix and its f32 gradient would lie on every device.

Letters: N tokens, D width, V vocabulary; n, d and v those of one device, w
words of a block.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, Int

from rrm_jax.ops.filters import DROPPED, UNFILTERED, Filters
from rrm_jax.ops.vocabulary_blocks import (
  Cut,
  block,
  blocks,
  cut_of,
  floors,
  product,
  summed,
)
from rrm_jax.sharding import Layout


class _Sums(NamedTuple):
  """What is known of rows [n] after some of the words.

  Attributes:
    highest: The largest logit.
    mass: The sum of exp(logit - highest).
    moment: The sum of exp(logit - highest) (logit - highest).
    own: The target's logit, 0 before it comes.
  """

  highest: jax.Array
  mass: jax.Array
  moment: jax.Array
  own: jax.Array


def logprobs(
  hidden: Float[Array, "N D"],
  unembedding: Float[Array, "D V"],
  targets: Int[Array, " N"],
  filters: Filters = UNFILTERED,
  layout: Layout | None = None,
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
  """log softmax(filtered(hidden @ unembedding))[targets], and entropy.

  The filters are the sampler's, so this is the distribution that was sampled;
  a target always belongs to it, even where float noise would drop one at the
  filter's edge. Gradients flow through the first result, with what is kept
  held fixed; the entropy is a measurement, in nats, without gradient.

  Args:
    hidden: Of each token.
    unembedding: From hidden states to logits.
    targets: Ids.
    filters: The sampler's.
    layout: How rows and words are cut over devices; None on one device. Rows
      that do not divide among the devices are computed by each.

  Raises:
    ValueError: at temperature 0 nothing has a gradient.
  """
  if filters.temperature <= 0:
    raise ValueError(
      f"temperature={filters.temperature}: log-probabilities need one above 0"
    )
  with jax.named_scope("logprobs"):
    out, entropy = _head(hidden, unembedding, targets, filters, layout)
  return out, jax.lax.stop_gradient(entropy)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _head(
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  filters: Filters,
  layout: Layout | None,
) -> tuple[jax.Array, jax.Array]:
  return _forward(hidden, unembedding, targets, filters, layout)[0]


def _forward(
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  filters: Filters,
  layout: Layout | None,
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, ...]]:
  cut = cut_of(hidden, layout)
  rows, head = PartitionSpec(cut.rows), PartitionSpec(cut.width, cut.words)
  read = functools.partial(_read, filters=filters, cut=cut)
  out, entropy, norm, floor = _on_each(
    read, layout, (rows, head, rows), (rows,) * 4
  )(hidden, unembedding, targets)
  return (out, entropy), (hidden, unembedding, targets, norm, floor)


def _backward(
  filters: Filters, layout: Layout | None, saved: tuple, cotangents: tuple
) -> tuple[jax.Array, jax.Array, None]:
  cut = cut_of(saved[0], layout)
  rows, head = PartitionSpec(cut.rows), PartitionSpec(cut.width, cut.words)
  back = functools.partial(_read_back, filters=filters, cut=cut)
  d_hidden, d_unembedding = _on_each(
    back, layout, (rows, head, rows, rows, rows, rows), (rows, head)
  )(*saved, cotangents[0])
  return d_hidden, d_unembedding, None


_head.defvjp(_forward, _backward)


def _on_each(
  function: Callable, layout: Layout | None, ins: tuple, outs: tuple
) -> Callable:
  """The function, run by every device on its part."""
  if layout is None:
    return function
  return jax.shard_map(
    function, mesh=layout.mesh, in_specs=ins, out_specs=outs, check_vma=False
  )


def _read(
  hidden: Float[Array, "n D"],
  unembedding: Float[Array, "d v"],
  targets: Int[Array, " n"],
  *,
  filters: Filters,
  cut: Cut,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
  """Log-probability, entropy, log-sum-exp and floor of one device's rows."""
  floor = floors(hidden, unembedding, filters, cut)
  saved = hidden, unembedding, targets, floor

  def add(sums: _Sums, number: jax.Array) -> tuple[_Sums, None]:
    _, _, logits, own = block(number, *saved, filters, cut)
    sums = _from(sums, jnp.maximum(sums.highest, logits.max(-1)))
    below = logits - jnp.where(_none(sums), 0.0, sums.highest)[:, None]
    exp = jnp.exp(below)
    moment = exp * jnp.where(below > DROPPED, below, 0.0)
    mine = jnp.where(own, logits, 0.0)
    new = _Sums(sums.highest, exp.sum(-1), moment.sum(-1), mine.sum(-1))
    return _added(sums, new), None

  nothing = jnp.zeros(len(hidden))
  begin = _Sums(nothing + DROPPED, nothing, nothing, nothing)
  count, _ = blocks(hidden, unembedding)
  sums, _ = jax.lax.scan(add, begin, jnp.arange(count))
  if cut.words:
    sums = _from(sums, jax.lax.pmax(sums.highest, cut.words))
    parts = [jax.lax.psum(x, cut.words) for x in sums[1:]]
    sums = _Sums(sums.highest, *parts)
  log = jnp.log(sums.mass)
  entropy = log - sums.moment / sums.mass
  return sums.own - sums.highest - log, entropy, sums.highest + log, floor


def _from(sums: _Sums, highest: jax.Array) -> _Sums:
  """The same, measured from another highest logit."""
  shift = jnp.where(_none(sums), 0.0, sums.highest - highest)
  scale = jnp.exp(shift)
  moment = scale * (sums.moment + sums.mass * shift)
  return _Sums(highest, scale * sums.mass, moment, sums.own)


def _none(sums: _Sums) -> jax.Array:
  """Where no word has been kept yet."""
  return sums.highest == DROPPED


def _added(sums: _Sums, more: _Sums) -> _Sums:
  parts = [x + y for x, y in zip(sums[1:], more[1:], strict=True)]
  return _Sums(more.highest, *parts)


def _read_back(
  hidden: Float[Array, "n D"],
  unembedding: Float[Array, "d v"],
  targets: Int[Array, " n"],
  norm: Float[Array, " n"],
  floor: Float[Array, " n"],
  cotangents: Float[Array, " n"],
  *,
  filters: Filters,
  cut: Cut,
) -> tuple[Float[Array, "n D"], Float[Array, "d v"]]:
  """The gradients of one device's rows, and of its part of the unembedding."""
  saved = hidden, unembedding, targets, floor
  weight = (cotangents / filters.temperature)[:, None]
  count, width = blocks(hidden, unembedding)

  def add(totals: tuple, number: jax.Array) -> tuple[tuple, None]:
    d_hidden, d_unembedding = totals
    first, head, logits, own = block(number, *saved, filters, cut)
    d_logits = (own - jnp.exp(logits - norm[:, None])) * weight
    d_logits = d_logits.astype(hidden.dtype)
    d_hidden += product(d_logits, head.T)
    d_head = summed(product(hidden.T, d_logits), cut)
    d_head += jax.lax.dynamic_slice_in_dim(d_unembedding, first, width, 1)
    d_unembedding = jax.lax.dynamic_update_slice_in_dim(
      d_unembedding, d_head, first, 1
    )
    return (d_hidden, d_unembedding), None

  begin = jnp.zeros(hidden.shape), jnp.zeros(unembedding.shape)
  (d_hidden, d_unembedding), _ = jax.lax.scan(add, begin, jnp.arange(count))
  if cut.words:
    d_hidden = jax.lax.psum(d_hidden, cut.words)
  return d_hidden.astype(hidden.dtype), d_unembedding.astype(unembedding.dtype)
