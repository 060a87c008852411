import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.ops import masked


def test_what_is_masked_may_be_anything():
  x = jnp.array([[1.0, np.nan], [np.inf, 4.0]])
  mask = jnp.array([[True, False], [False, True]])
  assert masked.total(x, mask) == 5
  assert masked.count(mask) == 2
  assert masked.mean(x, mask) == 2.5


def test_an_empty_mask_has_mean_zero():
  assert masked.mean(jnp.array([np.nan]), jnp.array([False])) == 0


def test_the_count_does_not_round():
  """bf16 would stop counting at 256."""
  assert masked.count(jnp.ones(1_000, bool)) == 1_000
  assert masked.count(jnp.ones(3, bool)).dtype == jnp.float32


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_parts_add_up_to_the_whole(data):
  size = data.draw(st.integers(1, 12))
  values = data.draw(
    st.lists(st.integers(-99, 99), min_size=size, max_size=size)
  )
  kept = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
  cut = data.draw(st.integers(0, size))
  x, mask = jnp.array(values, jnp.float32), jnp.array(kept)
  parts = [(x[:cut], mask[:cut]), (x[cut:], mask[cut:])]
  total = sum(float(masked.total(*part)) for part in parts)
  count = sum(float(masked.count(m)) for _, m in parts)
  assert total == float(masked.total(x, mask))
  assert count == float(masked.count(mask))
  np.testing.assert_allclose(
    total / max(count, 1), masked.mean(x, mask), rtol=1e-6
  )
