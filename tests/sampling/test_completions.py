"""Completions as rows: what is where, and in how many shapes."""

import numpy as np
import pytest

from rrm_jax.sampling.completions import Completion, rows


def completion(*tokens, forced=()):
  tokens = np.array(tokens, np.int32)
  return Completion(
    tokens, -0.5 * tokens, np.isin(np.arange(len(tokens)), forced), True
  )


def test_what_is_where():
  made = rows(
    [completion(5, 6), completion(7, 8, 9, forced=[1])], [[1, 2, 3]], 12
  )
  assert made.prefix.tokens.tolist() == [[1, 2, 3]]
  assert made.prefix.length.tolist() == [3]
  assert made.tokens.tolist() == [[5, 6, 0], [7, 8, 9]]
  assert made.sampled.tolist() == [[True, True, False], [True, False, True]]
  assert made.logprobs.tolist() == [[-2.5, -3.0, 0.0], [-3.5, -4.0, -4.5]]


@pytest.mark.parametrize(
  ("longest", "width"), [(1, 3), (3, 3), (4, 5), (6, 10), (10, 10)]
)
def test_a_quarter_half_or_all_of_the_room(longest, width):
  made = rows([completion(*range(longest)), completion(1)], [[1]], 10)
  assert made.tokens.shape == (2, width)


def test_ragged_batches_have_few_shapes():
  """A thousand batches whose longest rows are anything up to 4,096 + 8,192."""
  rng = np.random.default_rng(0)
  seen = set()
  for _ in range(1_000):
    before, after = rng.lognormal((6.5, 7.0), 0.6, (128, 2)).T.astype(int)
    longest = completion(*[1] * min(after.max(), 8_192))
    made = rows([longest], [[1] * min(before.max(), 4_096)], 8_192)
    seen.add((made.prefix.tokens.shape[1], made.tokens.shape[1]))
  assert len(seen) <= 10
