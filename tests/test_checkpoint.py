"""Checkpoints come back bit for bit, or say why not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from rrm_jax import config
from rrm_jax.checkpoint import Checkpoints

AUTO = (jax.sharding.AxisType.Auto,) * 2


def sharding_of(shape, *axes):
  mesh = jax.make_mesh(shape, ("x", "y"), axis_types=AUTO)
  return NamedSharding(mesh, PartitionSpec(*axes))


# Noise does not compress, so these bytes stand in a file as they are.
WITNESS = np.random.default_rng(0).integers(0, 256, 1024, np.uint8)


def state_of(seed, sharding=None):
  """A state of several dtypes, filled with random bits."""
  rng = np.random.default_rng(seed)
  place = sharding or sharding_of((8, 1))

  def bits(shape, dtype):
    raw = rng.bytes(int(np.prod(shape)) * jnp.dtype(dtype).itemsize)
    array = np.frombuffer(raw, jnp.dtype(dtype)).reshape(shape)
    sharding = place if len(shape) == 2 else sharding_of((8, 1))
    return jax.device_put(array, sharding)

  return {
    "params": {
      "w": bits((64, 16), jnp.float32),
      "h": bits((16, 8), jnp.bfloat16),
    },
    "opt_state": (bits((64, 16), jnp.int32), {"count": bits((), jnp.int32)}),
    "mask": jax.device_put(WITNESS, sharding_of((8, 1))),
  }


def abstract_of(state, sharding=None):
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=sharding if x.ndim == 2 else x.sharding
    ),
    state,
  )


def assert_same_bits(one, other):
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
    assert x.dtype == y.dtype
    assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def keeper(folder, every=1, keep=2, keep_steps=()):
  return Checkpoints(folder, config.Checkpoint(every, keep, keep_steps))


def saved(folder, *steps):
  """A folder with checkpoints of the states `state_of(step)`."""
  with keeper(folder, keep=len(steps)) as checkpoints:
    for step in steps:
      checkpoints.save(step, state_of(step))
  return folder


@pytest.mark.parametrize(
  "target", [((4, 2), "x", "y"), ((2, 4), "y"), ((1, 8),)]
)
def test_round_trip_into_other_shardings(tmp_path, target):
  state = state_of(0, sharding_of((2, 4), "y", "x"))
  with keeper(tmp_path) as checkpoints:
    checkpoints.save(7, state)
  wanted = sharding_of(target[0], *target[1:])
  step, restored = keeper(tmp_path).restore(abstract_of(state, wanted))
  assert step == 7
  assert_same_bits(state, restored)
  assert restored["params"]["w"].sharding == wanted


def test_nothing_is_made_before_the_first_save(tmp_path):
  with keeper(tmp_path / "none") as checkpoints:
    assert checkpoints.steps() == []
    assert checkpoints.restore(state_of(0)) is None
  assert list(tmp_path.iterdir()) == []


def test_under_the_launchers_transfer_guard(tmp_path):
  state = state_of(0)
  with jax.transfer_guard("disallow"), keeper(tmp_path) as checkpoints:
    checkpoints.save(1, state)
    _, restored = checkpoints.restore(state)
  assert_same_bits(state, restored)


def test_parameters_alone(tmp_path):
  saved(tmp_path, 3)
  wanted = {"params": state_of(3)["params"]}
  step, restored = keeper(tmp_path).restore(wanted, partial=True)
  assert step == 3
  assert_same_bits(wanted, restored)


def test_saving_survives_donation(tmp_path):
  """The next update may reuse the buffers while the save is under way."""
  update = jax.jit(lambda x: x * 3 + 1, donate_argnums=0)
  x = jax.device_put(jnp.arange(4_194_304, dtype=jnp.int32).reshape(2048, -1))
  with keeper(tmp_path, keep=4) as checkpoints:
    for step in range(4):
      checkpoints.save(step, {"x": x})
      for _ in range(3):
        x = update(x)
    expected = np.arange(4_194_304, dtype=np.int32).reshape(2048, -1)
    for step in range(4):
      _, restored = checkpoints.restore({"x": x}, step)
      np.testing.assert_array_equal(restored["x"], expected)
      expected = ((expected * 3 + 1) * 3 + 1) * 3 + 1


def test_retention_keeps_newest_named_and_last(tmp_path):
  with keeper(tmp_path, every=10, keep=2, keep_steps=(5, 20)) as checkpoints:
    due = [step for step in range(48) if checkpoints.due(step, 47)]
    assert due == [0, 5, 10, 20, 30, 40, 47]
    for step in due:
      checkpoints.save(step, state_of(step))
    checkpoints.wait()
    assert checkpoints.steps() == [5, 20, 40, 47]
  step, restored = keeper(tmp_path).restore(state_of(0), step=20)
  assert_same_bits(restored, state_of(20))
  assert not (tmp_path / "deleted").exists()


def test_the_same_step_is_saved_once(tmp_path):
  with keeper(saved(tmp_path, 4)) as checkpoints:
    assert checkpoints.restore(state_of(0))[0] == 4
    written = (tmp_path / "4").stat().st_ctime_ns
    checkpoints.save(4, state_of(4))
  assert (tmp_path / "4").stat().st_ctime_ns == written


def test_rewinding_removes_the_abandoned_steps(tmp_path):
  with keeper(saved(tmp_path, 10, 20, 30)) as checkpoints:
    assert checkpoints.restore(state_of(0), step=10)[0] == 10
    checkpoints.save(20, state_of(99))
    assert checkpoints.restore(state_of(0))[0] == 20
  assert keeper(tmp_path).steps() == [10, 20]
  assert_same_bits(keeper(tmp_path).restore(state_of(0))[1], state_of(99))
