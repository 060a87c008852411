"""Votes on a comparison: what is asked for them, and what they come to."""

import typing
from collections.abc import Sequence
from typing import NamedTuple

from rrm_jax import config, stable_hash
from rrm_jax.records import Comparison, Judgement, Question
from rrm_jax.text import templates


class Decision(NamedTuple):
  """What votes on one comparison come to.

  Attributes:
    winner: 1 or 2, in the data's order; None where the votes are even.
    votes: For the first response, and for the second.
    invalid: Judgements without a verdict.
    judgements: All of them, with the judge's reasoning.
  """

  winner: int | None
  votes: tuple[float, float]
  invalid: int
  judgements: tuple[Judgement, ...]


def questions(
  comparisons: Sequence[Comparison],
  votes: int = 1,
  order: config.Order = "given",
  seed: int = 0,
) -> list[Question]:
  """What to ask a judge for k votes on each comparison.

  Args:
    comparisons: What to judge.
    votes: k; they are numbered 0 to k - 1.
    order: How responses are shown: "given" as in the data, "hashed" one way
      for all votes on a comparison, by a stable hash of its uid, "random" one
      way for each vote, by a stable hash of uid and vote, "both" each vote in
      both ways, so 2k questions.
    seed: Of the hashes.

  Returns:
    The questions of the first comparison, then those of the next.

  Raises:
    ValueError: there is no such order, or less than one vote is asked for.
  """
  orders = typing.get_args(config.Order)
  if order not in orders:
    raise ValueError(f"order={order!r} is not one of {list(orders)}")
  if votes < 1:
    raise ValueError(f"votes={votes} must be at least 1")
  return [
    Question(comparison, vote, swapped)
    for comparison in comparisons
    for vote, swapped in _shown(comparison.uid, votes, order, seed)
  ]


def _shown(
  uid: str, votes: int, order: config.Order, seed: int
) -> list[tuple[int, bool]]:
  """The votes on a comparison, each with whether it sees a swap."""
  numbers = range(votes)
  if order == "both":
    return [(vote, swapped) for swapped in (False, True) for vote in numbers]
  if order == "random":
    return [
      (vote, templates.shown_swapped(f"{uid}/vote {vote}", seed))
      for vote in numbers
    ]
  swapped = order == "hashed" and templates.shown_swapped(uid, seed)
  return [(vote, swapped) for vote in numbers]


def decision(
  judgements: Sequence[Judgement], invalid: config.InvalidRule = "missing"
) -> Decision:
  """The majority of votes on one comparison.

  Args:
    judgements: The votes.
    invalid: What one without a verdict counts. "missing": nothing. "draw":
      half a vote for each response, as accuracy counts it in RRM's protocol,
      so that votes sum to their number. "coin": a vote for either, as in the
      Elo script that RRM's authors released, here by a stable hash of uid,
      sample and order.

  Raises:
    ValueError: there is no such rule, or the judgements are of several
      comparisons.
  """
  rules = typing.get_args(config.InvalidRule)
  if invalid not in rules:
    raise ValueError(f"invalid={invalid!r} is not one of {list(rules)}")
  uids = sorted({judgement.uid for judgement in judgements})
  if len(uids) > 1:
    raise ValueError(
      f"votes on several comparisons, {uids[0]!r} and {uids[1]!r} among them; "
      "decide one at a time"
    )
  shares = [_share(judgement, invalid) for judgement in judgements]
  first = sum(share[0] for share in shares)
  second = sum(share[1] for share in shares)
  winner = None
  if first != second:
    winner = 1 if first > second else 2
  unsaid = sum(judgement.verdict.winner is None for judgement in judgements)
  return Decision(winner, (first, second), unsaid, tuple(judgements))


def _share(
  judgement: Judgement, invalid: config.InvalidRule
) -> tuple[float, float]:
  """What a judgement adds to the votes of each response."""
  winner = judgement.verdict.winner
  if winner is None and invalid == "coin":
    place = f"{judgement.sample_id}/{judgement.swapped:d}"
    winner = 1 if stable_hash.coin("verdict", judgement.uid, place) else 2
  if winner is None:
    return (0.5, 0.5) if invalid == "draw" else (0.0, 0.0)
  return (1.0, 0.0) if winner == 1 else (0.0, 1.0)
