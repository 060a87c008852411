"""Products with weights, as CPUs are fast at them."""

import jax
from jaxtyping import Array, Float

from rrm_jax.batches import Array as AnyArray


def times_transposed(
  x: Float[Array, "N D"],
  weights: Float[AnyArray, "F D"],
  dtype: str | None = None,
) -> Float[Array, "N F"]:
  """x Wᵀ of a few rows, computed as (W xᵀ)ᵀ.

  XLA's product on CPUs first copies its right-hand matrix into another order.
  Here that is the few rows and not the weights, which are read once, where
  they lie. The barrier keeps the compiler from turning the product around.

  Args:
    x: The rows.
    weights: A row for each feature.
    dtype: Of the sums and of the result; that of `x` if None.
  """
  columns = jax.lax.optimization_barrier(x.T)
  product = jax.lax.dot(weights, columns, preferred_element_type=dtype)
  return jax.lax.optimization_barrier(product).T
