"""What a judge said, as plain values that every scoring rule takes.

An outcome is one presentation of one comparison: which response is right, and
which the judge named. Rules take outcomes, so that they score a published file
as well as a run of ours.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rrm_jax.records import Comparison, Judgement

# What a presentation without a verdict is worth, by the harness that says so.
RRM_INVALID = 0.5  # RRM, and RewardBench before it
RM_R1_INVALID = 0.0


class Outcome(NamedTuple):
  """One verdict beside what is known.

  Attributes:
    uid: The comparison's. Comparisons of one group of candidates are named
      GROUP/RIGHT-WRONG, after the places of the two in the group.
    label: 1 or 2, the better response; 0 where people call it a tie.
    winner: 1 or 2 in the data's order, a swap already undone; 0 for a tie;
      None for no verdict.
    swapped: Whether the second response was shown first.
    subset: What it counts towards.
  """

  uid: str
  label: int
  winner: int | None
  swapped: bool = False
  subset: str = ""

  def points(self, invalid: float) -> float:
    """1 if right, 0 if wrong, `invalid` without a verdict."""
    return invalid if self.winner is None else float(self.winner == self.label)


class Value(NamedTuple):
  """What a comparison is worth: a share of a point, and where it counts."""

  uid: str
  subset: str
  points: float


def of_judgements(
  judgements: Iterable[Judgement], comparisons: Mapping[str, Comparison]
) -> list[Outcome]:
  """Judgements beside the labels of what they judge, in their order.

  Args:
    judgements: Any number for each comparison, in either order.
    comparisons: By uid; one without a label is taken for a tie.

  Raises:
    ValueError: a judgement is of no known comparison.
  """
  found = []
  for judgement in judgements:
    comparison = comparisons.get(judgement.uid)
    if comparison is None:
      raise ValueError(
        f"a judgement has uid {judgement.uid!r}, which is none of the "
        f"{len(comparisons)} comparisons; give those that were judged"
      )
    found.append(
      Outcome(
        uid=judgement.uid,
        label=comparison.label or 0,
        winner=judgement.verdict.winner,
        swapped=judgement.swapped,
        subset=comparison.subset,
      )
    )
  return found


def by_comparison(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
  """The outcomes of each comparison, in the order they came.

  Raises:
    ValueError: there are none, or two of one comparison disagree on its label
      or subset.
  """
  groups: dict[str, list[Outcome]] = {}
  for outcome in outcomes:
    group = groups.setdefault(outcome.uid, [])
    if group and (group[0].label, group[0].subset) != (
      outcome.label,
      outcome.subset,
    ):
      raise ValueError(
        f"outcomes of {outcome.uid!r} have different labels or subsets: "
        f"{group[0]} and {outcome}; they must be of one comparison"
      )
    group.append(outcome)
  if not groups:
    raise ValueError("there are no outcomes to score; judge something first")
  return groups


def votes(outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
  """Each vote apart: of all comparisons the first, then the second, and so on.

  Votes on one comparison in one order are counted as they came. Where nothing
  was judged there is one vote, of nothing.
  """
  found: list[list[Outcome]] = [[]]
  cast: Counter[tuple[str, bool]] = Counter()
  for one in outcomes:
    number = cast[one.uid, one.swapped]
    cast[one.uid, one.swapped] += 1
    if number == len(found):
      found.append([])
    found[number].append(one)
  return found


def mean_values(runs: Iterable[Iterable[Value]]) -> list[Value]:
  """What each comparison or group is worth, the mean over runs that have it."""
  groups: dict[str, list[Value]] = {}
  for run in runs:
    for value in run:
      groups.setdefault(value.uid, []).append(value)
  return [
    group[0]._replace(points=_mean([value.points for value in group]))
    for group in groups.values()
  ]


def mean_points(outcomes: Iterable[Outcome], invalid: float) -> list[Value]:
  """Each labelled comparison's mean over its presentations.

  Raises:
    ValueError: no comparison has a label, or `invalid` is no share of a point.
  """
  if not 0 <= invalid <= 1:
    raise ValueError(f"invalid={invalid} must be in [0, 1]")
  values = [
    Value(uid, group[0].subset, _mean([one.points(invalid) for one in group]))
    for uid, group in by_comparison(outcomes).items()
    if group[0].label
  ]
  if not values:
    raise ValueError(
      "no outcome has a label 1 or 2, so there is nothing to be right about; "
      "give labelled comparisons"
    )
  return values


def one_election(outcomes: Iterable[Outcome]) -> list[Outcome]:
  """Votes that were asked for in mixed orders, as votes in one order."""
  return [one._replace(swapped=False) for one in outcomes]


def one_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
  """Each comparison as it was shown in one order.

  That is the data's order, in which our readers place the better response by a
  stable coin: what a published harness does with a coin without a seed. What
  was shown in the other order only is taken so.
  """
  return [
    one
    for group in by_comparison(outcomes).values()
    for one in ([o for o in group if not o.swapped] or group)
  ]


def whole_groups(values: Iterable[Value]) -> list[Value]:
  """Groups in place of their comparisons: 1 where all are right, else 0.

  A comparison which was not judged, as its prompt was too long, is not held
  against its group.
  """
  lowest: dict[str, Value] = {}
  for value in values:
    group = group_of(value.uid)
    points = min(value.points, lowest.get(group, value).points)
    lowest[group] = Value(group, value.subset, float(points == 1))
  return list(lowest.values())


def voted(outcomes: Iterable[Outcome]) -> list[Outcome]:
  """The majority of each comparison's verdicts in each order.

  Verdicts that are missing do not vote; an equal number for both is no
  verdict.
  """
  ballots: dict[tuple[str, bool], list[Outcome]] = {}
  for outcome in outcomes:
    ballots.setdefault((outcome.uid, outcome.swapped), []).append(outcome)
  return [
    group[0]._replace(winner=_majority([one.winner for one in group]))
    for group in ballots.values()
  ]


def group_of(uid: str) -> str:
  """The group of a comparison named GROUP/RIGHT-WRONG."""
  return places(uid)[0]


def places(uid: str) -> tuple[str, int, int]:
  """Group, right and wrong place of a comparison named GROUP/RIGHT-WRONG.

  Raises:
    ValueError: the comparison is not named so.
  """
  group, slash, pair = uid.rpartition("/")
  right, dash, wrong = pair.partition("-")
  if not (slash and dash and right.isdecimal() and wrong.isdecimal()):
    raise ValueError(
      f"uid={uid!r} must end in /RIGHT-WRONG, as in 'group-7/0-2': the rule "
      "counts groups of candidates"
    )
  return group, int(right), int(wrong)


def _mean(points: Sequence[float]) -> float:
  return sum(points) / len(points)


def _majority(winners: Sequence[int | None]) -> int | None:
  first, second = winners.count(1), winners.count(2)
  if first == second:
    return None
  return 1 if first > second else 2
