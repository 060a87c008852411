"""Judgements against labels: what each is worth, comparison by comparison."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from rrm_jax import intervals
from rrm_jax.analysis import difficulty
from rrm_jax.records import Comparison, Judgement

Comparisons = Mapping[str, Comparison] | Sequence[Comparison]


def by_uid(comparisons: Comparisons) -> Mapping[str, Comparison]:
  """The comparisons under their uids.

  Raises:
    ValueError: two comparisons share a uid.
  """
  if isinstance(comparisons, Mapping):
    return comparisons
  found: dict[str, Comparison] = {}
  for comparison in comparisons:
    other = found.setdefault(comparison.uid, comparison)
    if other is not comparison:
      raise ValueError(
        f"two comparisons share the uid {comparison.uid!r} "
        f"({_place(other)} and {_place(comparison)}); each needs its own"
      )
  return found


def grouped(
  judgements: Iterable[Judgement], comparisons: Mapping[str, Comparison]
) -> dict[str, list[Judgement]]:
  """The judgements of each comparison, in the order they came.

  Raises:
    ValueError: there are none, one is of an unknown comparison, or one is
      there twice (it would count as two votes).
  """
  groups: dict[str, list[Judgement]] = {}
  seen: set[tuple[str, int, bool]] = set()
  for judgement in judgements:
    uid = judgement.uid
    if uid not in comparisons:
      raise ValueError(
        f"a judgement has uid {uid!r}, which is none of the "
        f"{len(comparisons)} comparisons; give those that were judged"
      )
    key = (uid, judgement.sample_id, judgement.swapped)
    if key in seen:
      raise ValueError(
        f"two judgements of uid {uid!r} have sample_id={judgement.sample_id} "
        f"and swapped={judgement.swapped}; give each once, and runs with "
        "different settings apart"
      )
    seen.add(key)
    groups.setdefault(uid, []).append(judgement)
  if not groups:
    raise ValueError("there are no judgements to analyse")
  return groups


def points(
  judgement: Judgement, comparison: Comparison, invalid: float
) -> float:
  """1 for the labelled response, 0 for the other, `invalid` for no verdict."""
  if judgement.verdict.winner is None:
    return invalid
  return float(judgement.verdict.winner == comparison.label)


def means(
  groups: Mapping[str, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
  invalid: float,
) -> Float[np.ndarray, " labelled"]:
  """Each labelled comparison's mean score, (labelled,).

  Raises:
    ValueError: `invalid`, what an answer without a verdict scores, is no share
      of a point.
  """
  if not 0 <= invalid <= 1:
    raise ValueError(f"invalid={invalid} must be in [0, 1]")
  return np.array(
    [
      np.mean([points(judgement, comparisons[uid], invalid) for judgement in g])
      for uid, g in groups.items()
      if comparisons[uid].label is not None
    ],
    dtype=np.float64,
  )


def queries(
  uids: Iterable[str], comparisons: Mapping[str, Comparison]
) -> list[Hashable]:
  """What each labelled comparison asks; where that is not known, its uid."""
  found = [comparisons[uid] for uid in uids]
  return [one.conversation or one.uid for one in found if one.label is not None]


def accuracy(
  groups: Mapping[str, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
  invalid: float,
) -> dict:
  """{accuracy, low, high} of `means`; those of one query hang together.

  Raises:
    ValueError: as `means`.
  """
  values = means(groups, comparisons, invalid)
  return interval(values, clusters=queries(groups, comparisons))


def over_comparisons(
  values: Iterable[tuple[str, float]], name: str = "accuracy"
) -> dict:
  """{name, low, high} of numbers that belong to comparisons.

  Each comparison counts once, with the mean of its own; comparisons are what
  is resampled.

  Args:
    values: A comparison's uid with a number, any number of times.
    name: What the mean is called.
  """
  groups: dict[str, list[float]] = {}
  for uid, value in values:
    groups.setdefault(uid, []).append(value)
  return interval(np.array([np.mean(group) for group in groups.values()]), name)


def by_subset(
  groups: Mapping[str, Sequence[Judgement]],
  comparisons: Mapping[str, Comparison],
) -> dict[str, dict[str, Sequence[Judgement]]]:
  """The judgements of each subset's comparisons, the easiest subset first."""
  parts: dict[str, dict[str, Sequence[Judgement]]] = {}
  for uid, group in groups.items():
    parts.setdefault(comparisons[uid].subset, {})[uid] = group
  return {subset: parts[subset] for subset in difficulty.ordered(parts)}


def interval(
  values: Float[np.ndarray, " n"],
  name: str = "accuracy",
  clusters: Sequence[Hashable] | None = None,
) -> dict:
  """{name, low, high} of `values`, each None where there are none.

  Args:
    values: What to take the mean of.
    name: What it is called.
    clusters: What each is of, if some are of the same.
  """
  if not values.size:
    return {name: None, "low": None, "high": None}
  return intervals.bootstrap(values, clusters=clusters).as_dict(name)


def _place(comparison: Comparison) -> str:
  return comparison.source or "no source given"
