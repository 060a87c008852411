"""Weights that are asked for by a stage's name."""

import pytest

from rrm_jax import config, weights
from tests import small_job


def test_weights_that_are_not_there(tmp_path):
  values = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  with small_job.opened(tmp_path, values) as job:
    with pytest.raises(ValueError, match="holds no checkpoint"):
      weights.saved_params(job.cfg, tmp_path, "warm_start", job.layout)
    with pytest.raises(ValueError, match="no stage 'r1'"):
      weights.saved_params(job.cfg, tmp_path, "r1", job.layout)


def test_the_weights_that_a_workdir_stands_for():
  job = config.from_mapping(config.Job, small_job.mapping())
  assert weights.role_of(job) == "rl"
  values = small_job.mapping() | {"evaluation": {}, "order": ["warm_start"]}
  first = config.from_mapping(config.Job, values)
  assert weights.role_of(first) == "warm_start"
  assert weights.template_of(job, "rl@4") == job.stages["rl"].template
  assert weights.template_of(job, weights.IMPORTED) == config.Template()
