import pytest

from tests.rl import learning


@pytest.fixture(scope="session")
def batch():
  return learning.whole_batch()
