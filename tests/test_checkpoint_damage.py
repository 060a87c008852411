"""Checkpoints that were damaged, cut off or cast: never silently wrong."""

import gc
import logging
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.test_checkpoint import (
  WITNESS,
  abstract_of,
  assert_same_bits,
  keeper,
  saved,
  sharding_of,
  state_of,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture
def stray_reads_end_here():
  """Keeps what one test leaves behind out of the next."""
  yield
  time.sleep(0.1)
  gc.collect()


def reads_damage(test):
  """Marks a test in which Orbax fails to read an array.

  It then closes its event loop while it reads the others; when those reads
  end, each complains to nobody.
  """
  test = pytest.mark.usefixtures("stray_reads_end_here")(test)
  return pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
  )(test)


def array_files(folder):
  files = [path for path in (folder / "state").rglob("d/*") if path.is_file()]
  assert files
  return files


def truncate(folder):
  for path in array_files(folder):
    path.write_bytes(path.read_bytes()[:-40])


def remove_arrays(folder):
  for path in array_files(folder):
    path.unlink()


def flip_bit(folder):
  """Damages the arrays' own bytes, wherever they were put."""
  found = 0
  needle = WITNESS.tobytes()
  for path in array_files(folder):
    data = bytearray(path.read_bytes())
    place = data.find(needle)
    if place >= 0:
      found += 1
      data[place + 100] ^= 4
      path.write_bytes(data)
  assert found


def garble(name):
  def damage(folder):
    (folder / name).write_text('{"leaves": [1, ')

  return damage


def other_shape(folder):
  """A flipped bit in the table must not pass for another model."""
  path = folder / "leaves" / "metadata"
  text = path.read_text()
  assert '"shape": [64, 16]' in text
  path.write_text(text.replace('"shape": [64, 16]', '"shape": [64, 17]'))


DAMAGES = {
  "truncated array": truncate,
  "missing arrays": remove_arrays,
  "missing folder": lambda folder: shutil.rmtree(folder / "state"),
  "flipped bit": flip_bit,
  "garbage table": garble("leaves/metadata"),
  "garbage tree": garble("state/_METADATA"),
  "garbage manifest": garble("state/manifest.ocdbt"),
  "another shape": other_shape,
  "empty": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@reads_damage
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over(tmp_path, caplog, damage):
  saved(tmp_path, 1, 2)
  DAMAGES[damage](tmp_path / "2")
  with keeper(tmp_path) as checkpoints, caplog.at_level(logging.WARNING):
    step, restored = checkpoints.restore(state_of(0))
    assert step == 1
    assert_same_bits(restored, state_of(1))
    assert "DAMAGED CHECKPOINT" in caplog.text
    assert str(tmp_path / "2") in caplog.text
    # The run goes on, and writes the same step anew.
    checkpoints.save(2, state_of(2))
  assert keeper(tmp_path).restore(state_of(0))[0] == 2
  with pytest.raises(ValueError, match="no whole checkpoint"):
    DAMAGES[damage](tmp_path / "2")
    keeper(tmp_path).restore(state_of(0), step=2)


@pytest.mark.parametrize("name", ["commit_success.txt", "_CHECKPOINT_METADATA"])
def test_verified_arrays_need_no_marker(tmp_path, name):
  """A folder gets its name when it is whole; the rest is decoration."""
  saved(tmp_path, 1, 2)
  (tmp_path / "2" / name).unlink()
  (tmp_path / "1" / name).write_text("{")
  with keeper(tmp_path) as checkpoints:
    step, restored = checkpoints.restore(state_of(0))
    assert step == 2
    assert_same_bits(restored, state_of(2))
    checkpoints.save(3, state_of(3))
    checkpoints.wait()
    assert checkpoints.steps() == [2, 3]


@reads_damage
def test_all_damaged(tmp_path):
  saved(tmp_path, 1, 2)
  for step in "12":
    truncate(tmp_path / step)
  with pytest.raises(ValueError, match="no whole checkpoint") as error:
    keeper(tmp_path).restore(state_of(0))
  assert str(tmp_path / "1") in str(error.value)
  assert str(tmp_path / "2") in str(error.value)


@reads_damage
def test_every_flipped_bit_of_a_small_file_is_harmless(tmp_path):
  """Whatever one byte of a checkpoint says, restored states are right."""
  state = {"x": jnp.arange(6.0), "step": jnp.int32(5)}
  with keeper(tmp_path / "good") as checkpoints:
    checkpoints.save(5, state)
  rng = np.random.default_rng(0)
  files = sorted(p for p in (tmp_path / "good").rglob("*") if p.is_file())
  found = 0
  for path in files * 2:
    bad = tmp_path / "bad"
    shutil.copytree(tmp_path / "good", bad)
    data = bytearray(path.read_bytes())
    if data:
      data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    (bad / path.relative_to(tmp_path / "good")).write_bytes(data)
    try:
      assert_same_bits(keeper(bad).restore(state)[1], state)
    except ValueError:
      found += 1
    shutil.rmtree(bad)
  assert found


def test_another_model_is_no_damage(tmp_path):
  saved(tmp_path, 1, 2)
  wide = state_of(0)
  wide["params"]["w"] = jnp.zeros((64, 32))
  with pytest.raises(ValueError, match=r"params/w .*\[64, 16\].*\[64, 32\]"):
    keeper(tmp_path).restore(wide)
  half = state_of(0)
  half["params"]["w"] = half["params"]["w"].astype(jnp.float16)
  with pytest.raises(ValueError, match=r"params/w .*float32.*float16"):
    keeper(tmp_path).restore(half)
  more = state_of(0) | {"more": jnp.zeros(2)}
  with pytest.raises(ValueError, match="no array more"):
    keeper(tmp_path).restore(more)
  with pytest.raises(ValueError, match="holds mask"):
    less = state_of(0)
    del less["mask"]
    keeper(tmp_path).restore(less)


def test_unknown_step(tmp_path):
  with pytest.raises(ValueError, match=r"no step 9, only \[1, 2\]"):
    keeper(saved(tmp_path, 1, 2)).restore(state_of(0), step=9)


# Every array of step s is full of s.
_SAVE_FOREVER = """
import sys
from pathlib import Path
import jax.numpy as jnp
from rrm_jax import config
from rrm_jax.checkpoint import Checkpoints
first = int(sys.argv[2])
with Checkpoints(Path(sys.argv[1]), config.Checkpoint(1, 2)) as checkpoints:
  for step in range(first, first + 100_000):
    checkpoints.save(step, {str(i): jnp.full(50_000, step) for i in range(4)})
    print(step, flush=True)
"""


def test_kill_nine_at_any_moment(tmp_path):
  rng = np.random.default_rng(1)
  abstract = {str(i): jnp.zeros(50_000, jnp.int32) for i in range(4)}
  first, restored_steps = 0, []
  for _ in range(3):
    process = subprocess.Popen(
      [sys.executable, "-c", _SAVE_FOREVER, str(tmp_path), str(first)],
      stdout=subprocess.PIPE,
      text=True,
      cwd=ROOT,
    )
    with process:
      for _ in range(3):
        assert process.stdout.readline()
      time.sleep(rng.uniform(0, 0.1))
      process.send_signal(signal.SIGKILL)
    with keeper(tmp_path) as checkpoints:
      for step in checkpoints.steps():
        _, state = checkpoints.restore(abstract, step)
        for x in state.values():
          assert (np.asarray(x) == step).all()
      newest, _ = checkpoints.restore(abstract)
    restored_steps.append(newest)
    assert newest >= first + 1  # save(n) waits for n - 1
    first = newest + 1
  assert restored_steps == sorted(set(restored_steps))


def test_floats_are_cast_after_they_are_verified(tmp_path):
  exact = jnp.arange(64, dtype=jnp.bfloat16).reshape(8, 8) / 8
  fine = jnp.arange(64, dtype=jnp.float32).reshape(8, 8) / 3
  count = jnp.arange(3)
  with keeper(tmp_path) as checkpoints:
    checkpoints.save(1, {"b": exact, "f": fine, "i": count})
  wanted = {
    "b": exact.astype(jnp.float32), "f": fine.astype(jnp.bfloat16), "i": count,
  }  # fmt: skip
  place = sharding_of((4, 2), "x", "y")
  abstract = abstract_of(
    jax.tree.map(lambda x: jax.device_put(x, sharding_of((8, 1))), wanted),
    place,
  )
  with pytest.raises(ValueError, match="b was saved as bfloat16"):
    keeper(tmp_path).restore(abstract)
  _, cast = keeper(tmp_path).restore(abstract, floats="cast")
  assert_same_bits(cast, wanted)
  assert cast["b"].sharding == place
  _, saved_as = keeper(tmp_path).restore(abstract, floats="saved")
  assert_same_bits(saved_as, {"b": exact, "f": fine, "i": count})


@pytest.mark.parametrize("floats", ["cast", "saved"])
def test_only_floats_may_differ(tmp_path, floats):
  with keeper(tmp_path) as checkpoints:
    checkpoints.save(1, {"x": jnp.arange(3), "y": jnp.zeros(3)})
  for wanted in (
    {"x": jnp.zeros(3), "y": jnp.zeros(3)},
    {"x": jnp.arange(3, dtype=jnp.int8), "y": jnp.zeros(3)},
    {"x": jnp.arange(3), "y": jnp.zeros(4)},
    {"x": jnp.arange(3), "y": jnp.arange(3)},
  ):
    with pytest.raises(ValueError, match="it is of another model"):
      keeper(tmp_path).restore(wanted, floats=floats)


@reads_damage
def test_damage_is_seen_before_the_cast(tmp_path):
  """A cast to bfloat16 would hide the lowest bits."""
  values = np.frombuffer(WITNESS.tobytes(), np.float32)
  with keeper(tmp_path) as checkpoints:
    checkpoints.save(1, {"x": jax.device_put(values)})
  flip_bit(tmp_path / "1")
  with pytest.raises(ValueError, match="no whole checkpoint"):
    keeper(tmp_path).restore({"x": jnp.zeros(256, jnp.bfloat16)}, floats="cast")
