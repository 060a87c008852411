"""Best of N: how often the chosen candidate is right, and what that costs."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import config, intervals
from rrm_jax.records import Candidates
from rrm_jax.tournament import standings
from rrm_jax.tournament.run import Outcome

# What a response answers; None if that cannot be told.
Extract = Callable[[str], str | None]

_MOST_POINTS = 16


def figures(
  groups: Sequence[Candidates],
  outcome: Outcome,
  rating: config.Rating,
  *,
  extract: Extract | None = None,
  resamples: int = 2_000,
  seed: int = 0,
) -> dict | None:
  """Accuracies of ways to choose one of each prompt's candidates.

  Each is the expected one: where a way leaves several candidates, each counts
  with its share. Intervals resample prompts.

  Args:
    groups: The prompts; those without `correct` are left out.
    outcome: The tournament.
    rating: What names the best where no champion does.
    extract: The final answer of a response, for the majority vote among the
      candidates; None leaves that out.
    resamples: Of the bootstrap.
    seed: Of the bootstrap.

  Returns:
    None if nothing is known to be correct, else `prompts`, how many count, and
    with `accuracy`, `low`, `high` each: `chosen`, `random`, `oracle`, and
    `majority` (None without `extract`); as differences, compared on the same
    prompts, `over_random` and `over_majority`; and `curve`: points with also
    `judgements`, the mean per prompt, the last of them the whole tournament.
  """
  known = [group for group in groups if group.correct is not None]
  if not known:
    return None

  def mean(values: np.ndarray) -> dict:
    found = intervals.bootstrap(values, resamples=resamples, seed=seed)
    return found.as_dict()

  chosen = _accuracies(known, outcome, rating, None)
  others = references(known, extract)
  votes = others.get("majority")
  return {
    "prompts": len(known),
    "chosen": mean(chosen),
    "random": mean(others["random"]),
    "majority": None if votes is None else mean(votes),
    "oracle": mean(others["oracle"]),
    "over_random": mean(chosen - others["random"]),
    "over_majority": None if votes is None else mean(chosen - votes),
    "curve": [
      {
        "judgements": round(_spent(known, outcome, most), 4),
        **mean(_accuracies(known, outcome, rating, most)),
      }
      for most in _grid(known, outcome)
    ],
  }


def references(
  groups: Sequence[Candidates], extract: Extract | None = None
) -> dict[str, Float[np.ndarray, " prompts"]]:
  """How likely each prompt's choice is right without a judge.

  Args:
    groups: Prompts of which it is known what is correct.
    extract: The final answer of a response.

  Returns:
    `random`: any candidate; `oracle`: a right one if there is one; with
    `extract` also `majority`: one with the most frequent answer.
  """
  flags = [np.array(group.correct, float) for group in groups]
  found = {
    "random": np.array([flag.mean() for flag in flags]),
    "oracle": np.array([flag.max() for flag in flags]),
  }
  if extract is not None:
    found["majority"] = np.array(
      [_right(group, majority(group, extract)) for group in groups]
    )
  return found


def majority(group: Candidates, extract: Extract) -> Float[np.ndarray, " n"]:
  """How likely each candidate is to be chosen by the most frequent answer.

  Equally frequent answers are equally likely. Candidates without an answer
  have no vote; where none has one, all are equally likely.
  """
  answers = [extract(text) for text in group.responses]
  counts = Counter(answer for answer in answers if answer is not None)
  top = max(counts.values(), default=0)
  shares = np.array(
    [
      float(answer is not None and counts[answer] == top) if counts else 1.0
      for answer in answers
    ]
  )
  return shares / shares.sum()


def _accuracies(
  groups: Sequence[Candidates],
  outcome: Outcome,
  rating: config.Rating,
  most: int | None,
) -> Float[np.ndarray, " prompts"]:
  """How likely each prompt's choice is right after `most` judgements."""
  found = []
  for group in groups:
    contest = outcome.contests[group.uid]
    if most is not None:
      contest = standings.after(contest, most, outcome.schedule)
    standing = standings.standing(group, contest, outcome.schedule, rating)
    found.append(_right(group, standing.shares))
  return np.array(found)


def _right(group: Candidates, shares: np.ndarray) -> float:
  assert group.correct is not None
  return float(shares @ np.array(group.correct, float))


def _spent(groups: Sequence[Candidates], outcome: Outcome, most: int) -> float:
  spent = [outcome.contests[group.uid].spent for group in groups]
  return float(np.minimum(spent, most).mean())


def _grid(groups: Sequence[Candidates], outcome: Outcome) -> list[int]:
  """Numbers of judgements per prompt, from none to all."""
  most = max(outcome.contests[group.uid].spent for group in groups)
  grid = np.linspace(0, most, min(most, _MOST_POINTS) + 1).round()
  return [int(number) for number in grid]
