"""The resume law: run(a) then resume(b) equals run(a + b), bit for bit."""

import json

import jax
import numpy as np
import pytest

from rrm_jax import weights
from rrm_jax.train import loop
from tests import small_job


def _figures(folder):
  """Every row of the metrics without its times, which differ."""
  rows = [
    json.loads(line)
    for line in (folder / "metrics.jsonl").read_text().splitlines()
  ]
  return [
    {k: v for k, v in row.items() if not k.startswith("time/")} for row in rows
  ]


def _weights(job):
  return jax.device_get(
    [
      weights.saved_params(job.cfg, job.folder, name, job.layout)
      for name in job.cfg.order
    ]
  )


def _asked_after(calls):
  """A flag that goes up at the given question."""
  asked = iter(range(1_000))
  return lambda: next(asked) == calls


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """The uninterrupted run."""
  return small_job.run(tmp_path_factory.mktemp("whole"), _values())


def _values():
  values = small_job.mapping()
  # Steps 2 and 4 stay, so that a test can take the newest away.
  values["checkpoint"] = {"every": 2, "keep": 3, "keep_steps": [4]}
  return values


# In the warm start between checkpoints, at its last step, in the RL stage.
@pytest.mark.parametrize("calls", [3, 6, 10])
def test_interrupted_and_resumed_equals_whole(whole, tmp_path, calls):
  with pytest.raises(loop.Interrupted):
    small_job.run(tmp_path, _values(), _asked_after(calls))
  resumed = small_job.run(tmp_path, _values())
  jax.tree.map(
    np.testing.assert_array_equal, _weights(whole), _weights(resumed)
  )
  key = lambda row: (row["phase"], row["step"])  # noqa: E731
  assert sorted(_figures(whole.folder), key=key) == sorted(
    _figures(tmp_path), key=key
  )


def test_finished_job_changes_nothing(whole):
  before = _figures(whole.folder)
  weights = _weights(whole)
  small_job.run(whole.folder, _values())
  jax.tree.map(np.testing.assert_array_equal, weights, _weights(whole))
  key = lambda row: (row["phase"], row["step"])  # noqa: E731
  assert sorted(before, key=key) == sorted(_figures(whole.folder), key=key)


def test_another_seed_gives_other_weights(whole, tmp_path):
  values = _values() | {"seed": 1, "order": ["warm_start"]}
  values["evaluation"] = {}
  other = small_job.run(tmp_path, values)
  first, second = (
    jax.tree.leaves(weights[0])
    for weights in (_weights(whole), _weights(other))
  )
  assert any(
    not np.array_equal(a, b) for a, b in zip(first, second, strict=True)
  )
