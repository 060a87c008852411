"""The checksum sees every bit and no sharding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from rrm_jax.ops.fingerprint import fingerprint

DTYPES = ["float32", "bfloat16", "int32", "uint8", "float16"]


def bits(shape, dtype, seed=0):
  size = int(np.prod(shape)) * jnp.dtype(dtype).itemsize
  raw = np.random.default_rng(seed).bytes(size)
  return np.frombuffer(raw, jnp.dtype(dtype)).reshape(shape)


def test_by_hand():
  # One word at place 0: weight = mix(1).
  weight = 0x9E3779B1
  weight = ((weight ^ (weight >> 15)) * 0x85EBCA77) % 2**32
  weight = (weight ^ (weight >> 13)) | 1
  assert int(fingerprint(jnp.uint32(3))) == 3 * weight % 2**32
  assert int(fingerprint(jnp.array([True]))) == weight


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), byte=st.integers(0, 11), bit=st.integers(0, 7))
def test_any_one_bit_changes_it(dtype, seed, byte, bit):
  x = bits((3, 4), dtype, seed)
  raw = bytearray(x.tobytes())
  raw[byte] ^= 1 << bit
  y = np.frombuffer(bytes(raw), x.dtype).reshape(x.shape)
  assert int(fingerprint(x)) != int(fingerprint(y))


def test_places_matter():
  x = bits((8, 8), "float32")
  assert int(fingerprint(x)) != int(fingerprint(x.T.copy()))
  assert int(fingerprint(x)) != int(fingerprint(x[::-1].copy()))


@pytest.mark.parametrize("spec", [("x", "y"), ("y",), (None, ("x", "y"))])
def test_sharding_does_not_matter(spec):
  x = bits((16, 8), "float32")
  mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
  y = jax.device_put(x, NamedSharding(mesh, PartitionSpec(*spec)))
  assert int(fingerprint(x)) == int(fingerprint(y))
