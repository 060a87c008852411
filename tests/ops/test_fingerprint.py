"""The checksum sees every bit and no sharding."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from rrm_jax import sharding
from rrm_jax.ops import fingerprint as module
from rrm_jax.ops.fingerprint import fingerprint, fingerprint_on_host

DTYPES = ["float32", "bfloat16", "int32", "uint8", "float16"]


def bits(shape, dtype, seed=0):
  size = int(np.prod(shape)) * jnp.dtype(dtype).itemsize
  raw = np.random.default_rng(seed).bytes(size)
  return np.frombuffer(raw, jnp.dtype(dtype)).reshape(shape)


def both(x):
  """On devices and on the host, which must agree."""
  x = jnp.asarray(x)
  here = fingerprint_on_host(sharding.host_parts(x))
  assert int(fingerprint(x)) == here
  return here


def weight(dim, i):
  x = ((i + 1) * 0x9E3779B1 + dim * 0x7F4A7C15) % 2**32
  x = ((x ^ (x >> 15)) * 0x85EBCA77) % 2**32
  return (x ^ (x >> 13)) | 1


def test_by_hand():
  assert both(jnp.uint32(3)) == 3
  assert both(jnp.array([True])) == weight(0, 0)
  x = bits((2, 3, 4), "bfloat16")
  words = x.view(np.uint16)
  expected = sum(
    int(words[i]) * math.prod(weight(dim, n) for dim, n in enumerate(i))
    for i in np.ndindex(x.shape)
  )
  assert both(x) == expected % 2**32


def test_empty_and_larger_than_a_block(monkeypatch):
  assert both(jnp.zeros((0, 3))) == both(jnp.zeros((3, 0))) == 0
  x = bits((50, 7), "uint8")
  expected = both(x)
  monkeypatch.setattr(module, "_BLOCK", 16)
  assert both(x) == expected


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), byte=st.integers(0, 11), bit=st.integers(0, 7))
def test_any_one_bit_changes_it(dtype, seed, byte, bit):
  x = bits((3, 4), dtype, seed)
  raw = bytearray(x.tobytes())
  raw[byte] ^= 1 << bit
  y = np.frombuffer(bytes(raw), x.dtype).reshape(x.shape)
  assert both(x) != both(y)


def test_places_matter():
  x = bits((8, 8), "float32")
  assert both(x) != int(fingerprint(x.T.copy()))
  assert both(x) != int(fingerprint(x[::-1].copy()))


@pytest.mark.parametrize("spec", [("x", "y"), ("y",), (None, ("x", "y"))])
def test_sharding_does_not_matter(spec):
  x = bits((16, 8), "float32")
  mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
  y = jax.device_put(x, NamedSharding(mesh, PartitionSpec(*spec)))
  assert both(x) == both(y)
