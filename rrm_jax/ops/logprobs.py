"""Log-probabilities and entropy from hidden states, never all logits at once.

Rows pass through the unembedding in chunks, forward and backward; of the
logits only their log-sum-exp is kept, and the backward pass makes them again.
Peak memory is one chunk of [rows, V] in place of [N, V]: at 12k tokens and
152k words that is 64 MiB in place of 7 GiB.

Letters: N tokens, D width, V vocabulary.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rrm_jax.ops.filters import DROPPED, UNFILTERED, Filters, filtered

# The bytes that one chunk of f32 logits may take.
CHUNK_BYTES = 64 * 2**20


def logprobs(
  hidden: Float[Array, "N D"],
  unembedding: Float[Array, "D V"],
  targets: Int[Array, " N"],
  filters: Filters = UNFILTERED,
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
  """log softmax(filtered(hidden @ unembedding))[targets], and entropy.

  The filters are the sampler's, so this is the distribution that was sampled;
  a target always belongs to it, even where float noise would drop one at the
  filter's edge. Gradients flow through the first result, with what is kept
  held fixed; the entropy is a measurement, in nats, without gradient.

  Raises:
    ValueError: at temperature 0 nothing has a gradient.
  """
  if filters.temperature <= 0:
    raise ValueError(
      f"temperature={filters.temperature}: log-probabilities need one above 0"
    )
  num, vocab = hidden.shape[0], unembedding.shape[1]
  rows = max(128, min(num, CHUNK_BYTES // (4 * vocab)))
  chunks = -(-num // rows)
  pad = chunks * rows - num
  hidden = jnp.pad(hidden, ((0, pad), (0, 0))).reshape(chunks, rows, -1)
  targets = jnp.pad(targets, (0, pad)).reshape(chunks, rows)
  with jax.named_scope("logprobs"):
    out, entropy = _chunked(hidden, unembedding, targets, filters)
  return out.reshape(-1)[:num], jax.lax.stop_gradient(entropy.reshape(-1)[:num])


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _chunked(
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  filters: Filters,
) -> tuple[jax.Array, jax.Array]:
  return _forward(hidden, unembedding, targets, filters)[0]


def _logits(
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  filters: Filters,
) -> jax.Array:
  """A chunk's logits [rows, V] after the filters."""
  raw = jnp.dot(hidden, unembedding, preferred_element_type=jnp.float32)
  if filters == UNFILTERED._replace(temperature=filters.temperature):
    return raw / filters.temperature
  row = jnp.arange(targets.shape[0])
  own = raw[row, targets] / filters.temperature
  return filtered(raw, filters).at[row, targets].set(own)


def _forward(
  hidden: jax.Array,
  unembedding: jax.Array,
  targets: jax.Array,
  filters: Filters,
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, ...]]:
  def chunk(_: None, rows: tuple) -> tuple[None, tuple]:
    h, t = rows
    logits = _logits(h, unembedding, t, filters)
    norm = jax.nn.logsumexp(logits, axis=-1)
    table = logits - norm[:, None]
    picked = jnp.take_along_axis(table, t[:, None], axis=-1)[:, 0]
    # Of log-probabilities: from logits it is a small difference of large sums.
    kept = jnp.where(table > DROPPED, table, 0.0)
    entropy = -jnp.sum(jnp.exp(table) * kept, axis=-1)
    return None, (picked, entropy, norm)

  _, (out, entropy, norm) = jax.lax.scan(chunk, None, (hidden, targets))
  return (out, entropy), (hidden, unembedding, targets, norm)


def _backward(
  filters: Filters, saved: tuple, cotangents: tuple
) -> tuple[jax.Array, jax.Array, None]:
  hidden, unembedding, targets, norm = saved

  def chunk(
    d_unembedding: jax.Array, rows: tuple
  ) -> tuple[jax.Array, jax.Array]:
    h, t, n, g = rows
    probs = jnp.exp(_logits(h, unembedding, t, filters) - n[:, None])
    d_logits = jax.nn.one_hot(t, probs.shape[-1]) - probs
    d_logits *= (g / filters.temperature)[:, None]
    d_logits = d_logits.astype(h.dtype)
    d_unembedding += jnp.dot(h.T, d_logits, preferred_element_type=jnp.float32)
    return d_unembedding, jnp.dot(d_logits, unembedding.T)

  zeros = jnp.zeros(unembedding.shape, jnp.float32)
  d_unembedding, d_hidden = jax.lax.scan(
    chunk, zeros, (hidden, targets, norm, cotangents[0])
  )
  return d_hidden, d_unembedding.astype(unembedding.dtype), None


_chunked.defvjp(_forward, _backward)
