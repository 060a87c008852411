"""One trained workdir for all tests of the binaries."""

import pytest

from tests import small_job
from tests.launch import running


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
  """An uninterrupted run: its folder, config, workdir and output."""
  folder = tmp_path_factory.mktemp("launch")
  config = running.write_config(folder, small_job.mapping())
  code, output, errors = running.run(config, folder / "whole")
  assert code == 0, errors
  return config, folder / "whole", output, errors
