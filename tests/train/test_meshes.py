"""A step is the same on every mesh: what is drawn, earned and learnt."""

import dataclasses

import pytest

from rrm_jax import weights
from rrm_jax.metrics import read
from rrm_jax.sharding import fetch
from rrm_jax.train.job import run_stages
from tests import small_job, tiny
from tests.rl.learning import close


def trained(folder, over):
  """Samples, figures and weights of an RL step from random weights."""
  values = small_job.mapping() | {"order": ["rl"], "evaluation": {}}
  values["model"] |= {"num_kv_heads": 4}
  values["rollouts_every"] = 1
  values["stages"]["rl"] |= {
    "start": "", "steps": 1,
    # Random weights reach no verdict by themselves.
    "sampling": {"max_new_tokens": 8, "thinking_budget": 2},
    # Moves that are smooth functions of their gradients; see rl/learning.py.
    "optimizer": {"learning_rate": 1e-2, "eps": 1e-3},
  }  # fmt: skip
  with small_job.opened(folder, values) as job:
    job = dataclasses.replace(job, layout=over)
    run_stages(job)
  texts = [path.read_text() for path in sorted(folder.glob("rollouts/*"))]
  (row,) = read(folder)
  figures = {
    k: v
    for k, v in row.items()
    if isinstance(v, float) and not k.startswith("time/")
  }
  params = weights.saved_params(job.cfg, folder, "rl", over)
  return texts, figures, fetch(params)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
  return trained(tmp_path_factory.mktemp("alone"), tiny.layout())


@pytest.mark.parametrize("fsdp, tensor", [(4, 2), (2, 4)])
def test_meshes_change_nothing(alone, tmp_path, fsdp, tensor):
  texts, figures, weights = trained(tmp_path, tiny.layout(1, fsdp, tensor))
  assert texts == alone[0]
  close(figures, alone[1], 1e-5)
  close(weights, alone[2])


def test_there_is_something_to_learn(alone):
  """Or the meshes would agree on nothing."""
  _, figures, _ = alone
  assert -1 < figures["reward"] < 1 and figures["gradient_norm"] > 0.01
