"""What outcomes say about strengths, and how sure that is.

Bradley-Terry: i beats j with probability 1 / (1 + exp(s_j - s_i)). A prior of
w games gives each candidate w wins and w losses against one of strength 0;
this is the w-th power of a logistic prior on its strength, and with w = 1 that
of Newman, "Efficient computation of rankings from pairwise comparisons", JMLR
24 (2023), section 3. Here many contests are fitted at once, and with their
covariance; `ratings` fits the same model through a library.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

# The winner's and the loser's place, and what the first got of the point.
Outcome = tuple[int, int, float]

# Steps square their length at the end, so what is left after such a one is
# rounding alone.
_TOLERANCE = 1e-8
_LONGEST_STEP = 2.0
_MOST_STEPS = 200


def wins(outcomes: Iterable[Outcome], count: int) -> Float[np.ndarray, "n n"]:
  """How often row beat column; a draw is half of one for each.

  Args:
    outcomes: Two places, and the share of the point that the first took.
    count: Of candidates, n.
  """
  table = np.zeros((count, count))
  for first, second, share in outcomes:
    table[first, second] += share
    table[second, first] += 1 - share
  return table


def strengths(
  table: Float[np.ndarray, "*contests n n"], prior: float
) -> Float[np.ndarray, "*contests n"]:
  """The most probable log strengths; 0 is the average of the prior.

  Newton's method on a strictly concave function, with steps of bounded length.

  Args:
    table: How often row beat column.
    prior: Its weight in games, positive.
  """
  assert prior > 0, prior
  found = np.zeros(table.shape[:-1])
  for _ in range(_MOST_STEPS):
    gradient, precision = _slopes(found, table, prior)
    step = np.linalg.solve(precision, gradient[..., None])[..., 0]
    longest = np.abs(step).max(axis=-1, keepdims=True, initial=0.0)
    found += step * np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))
    if longest.max(initial=0.0) < _TOLERANCE:
      return found
  raise AssertionError(f"no convergence, last step {longest.max()}")


def precision(
  found: Float[np.ndarray, "*contests n"],
  table: Float[np.ndarray, "*contests n n"],
  prior: float,
) -> Float[np.ndarray, "*contests n n"]:
  """The inverse covariance of the posterior's normal approximation."""
  return _slopes(found, table, prior)[1]


def win_probability(
  found: Float[np.ndarray, "*contests n"],
) -> Float[np.ndarray, "*contests n n"]:
  """The chance that row beats column; 0.5 on the diagonal."""
  return _sigmoid(found[..., :, None] - found[..., None, :])


def _slopes(
  found: np.ndarray, table: np.ndarray, prior: float
) -> tuple[np.ndarray, np.ndarray]:
  """The gradient of the log posterior, and minus its Hessian."""
  chance = win_probability(found)
  games = table + np.swapaxes(table, -1, -2)
  alone = _sigmoid(found)
  gradient = (table - games * chance).sum(axis=-1) + prior * (1 - 2 * alone)
  weight = games * chance * (1 - chance)
  diagonal = weight.sum(axis=-1) + 2 * prior * alone * (1 - alone)
  identity = np.eye(found.shape[-1])
  return gradient, diagonal[..., None] * identity - weight


def _sigmoid(x: np.ndarray) -> np.ndarray:
  return 0.5 * (1 + np.tanh(0.5 * x))
