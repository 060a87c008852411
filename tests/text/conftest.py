"""The two tokenizers, and a comparison of each one's kind."""

import pytest

from rrm_jax.records import Comparison, Message
from rrm_jax.text import tokenizer


@pytest.fixture(scope="session")
def arithmetic():
  return tokenizer.arithmetic()


@pytest.fixture(scope="session")
def qwen2(shared_data):
  return tokenizer.load(str(shared_data / "tokenizers" / "qwen2"))


@pytest.fixture(params=["arithmetic", "qwen2"])
def either(request):
  """Each of the two in turn."""
  return request.getfixturevalue(request.param)


@pytest.fixture
def sum_comparison():
  return Comparison(
    uid="sum",
    conversation=(Message("user", "+3 -9 *7 . ."),),
    responses=("8", "5"),
    label=1,
  )


@pytest.fixture
def chat_comparison():
  return Comparison(
    uid="chat",
    conversation=(Message("user", "Name a {prime}."),),
    responses=("Seven: 7.", "I like {query} and \\boxed{8}."),
    label=1,
  )
