"""Benchmarks that ask for the best of several, scored from a tournament."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rrm_jax.benchmarks import ppe, rewardbench2
from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.score import Score
from rrm_jax.records import Candidates


class Rated(NamedTuple):
  """A prompt whose candidates have met.

  Attributes:
    group: The prompt.
    ratings: Of its candidates; equal ones are equal to the last digit.
    chosen: The place of the best.
  """

  group: Candidates
  ratings: Sequence[float]
  chosen: int

  @property
  def correct(self) -> tuple[bool, ...]:
    """Which candidates are right."""
    assert self.group.correct is not None
    return self.group.correct


class Rule(NamedTuple):
  """How a benchmark scores the best of several, in words and as a function."""

  words: str
  score: Callable[[Sequence[Rated]], Score]


def report(name: str, rated: Iterable[Rated]) -> dict | None:
  """A tournament scored as a benchmark's authors do, ready for JSON.

  Args:
    name: Of the candidates; what follows a slash names a part of a benchmark.
    rated: All prompts.

  Returns:
    None if no rule is published, else `rule` and what `Score.as_dict` gives.

  Raises:
    ValueError: a part of the benchmark is missing.
  """
  rule = RULES.get(name.partition("/")[0])
  if rule is None:
    return None
  return {"rule": rule.words, **rule.score(list(rated)).as_dict()}


def check(name: str, groups: Iterable[Candidates]) -> None:
  """Refuses candidates that a benchmark's rule could not score.

  Raises:
    ValueError: a part of the benchmark is missing.
  """
  report(
    name,
    (
      Rated(group, list(map(float, group.correct)), group.correct.index(True))
      for group in groups
      if group.correct is not None and any(group.correct)
    ),
  )


def _ppe(rated: Sequence[Rated]) -> Score:
  return ppe.best_of(
    [
      Value(one.group.uid, one.group.subset, float(one.correct[one.chosen]))
      for one in rated
    ]
  )


def _rewardbench2(rated: Sequence[Rated]) -> Score:
  """Five subsets by the best of four, and Ties by its own rule."""
  tied = [one for one in rated if one.group.subset == rewardbench2.TIES]
  others = [one for one in rated if one.group.subset != rewardbench2.TIES]
  values = [
    Value(
      one.group.uid,
      one.group.subset,
      rewardbench2.best_of_four(one.ratings, one.correct.index(True)),
    )
    for one in others
  ]
  return rewardbench2.of_ratings(values, dict(map(_by_id, tied)))


def _by_id(one: Rated) -> tuple[str, tuple[list[float], int]]:
  """The published id, and the ratings of the right answers before the others'.

  A group is named SET-PLACE-ID.
  """
  order = sorted(
    range(len(one.correct)), key=lambda place: not one.correct[place]
  )
  ratings = [one.ratings[place] for place in order]
  return one.group.uid.split("-", 2)[-1], (ratings, sum(one.correct))


RULES: Mapping[str, Rule] = {
  "ppe": Rule("whether the chosen candidate is right; mean of the sets", _ppe),
  "rewardbench2": Rule(
    "whether the right answer is rated highest, Ties by margins; mean of the "
    "six subsets; here by ratings of a tournament",
    _rewardbench2,
  ),
}
