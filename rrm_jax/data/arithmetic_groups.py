"""Candidates of the built-in task: a right digit among wrong ones."""

import random
from collections.abc import Iterator

from rrm_jax import config
from rrm_jax.data import arithmetic
from rrm_jax.records import Candidates

# Queries of fewer terms are in both splits; see `arithmetic.comparison`.
LEAST_TERMS = 3
_DIGITS = "0123456789"


def groups(
  task: config.Data, seed: int, count: int, size: int = 8
) -> Iterator[Candidates]:
  """Queries of the test split, each with `size` digits of which one is right.

  The wrong ones are drawn at random, so most are not where a slip leads: what
  a judge was not trained on.

  Args:
    task: As for comparisons, but of three terms and more.
    seed: Which stream.
    count: How many.
    size: Candidates of each, from 2 to 10.

  Raises:
    ValueError: the task's fields make no sense.
  """
  assert 2 <= size <= len(_DIGITS), size
  assert task.min_terms >= LEAST_TERMS, task
  for index in range(count):
    pair = arithmetic.comparison(task, seed, "test", index)
    assert pair.label is not None
    right = pair.responses[pair.label - 1]
    rng = random.Random(f"candidates/{pair.uid}")
    order = sorted(_DIGITS, key=lambda _: rng.random())
    wrong = [digit for digit in order if digit != right]
    shown = sorted([right, *wrong[: size - 1]], key=lambda _: rng.random())
    yield Candidates(
      uid=pair.uid,
      conversation=pair.conversation,
      responses=tuple(shown),
      correct=tuple(digit == right for digit in shown),
      subset=pair.subset,
      source=pair.source,
    )
