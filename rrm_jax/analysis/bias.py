"""What moves a judge though it should not: place and length.

And how often it contradicts itself or says nothing.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence

from rrm_jax.analysis import scores
from rrm_jax.records import Comparison, Judgement

Lengths = Mapping[str, tuple[int, int]]

# Bands of the longer response's length by the shorter's, by their lower ends.
_RATIOS = (1.0, 1.1, 1.25, 1.5, 2.0, 4.0)


def position(
  judgements: Iterable[Judgement], comparisons: scores.Comparisons
) -> dict:
  """Whether the judge favours what it is shown first.

  Returns:
    `first_rate`, `low`, `high`: share of verdicts for the response shown first;
    `first_is_right`: the same share for a judge who is right where this one
      gave a verdict on a label; 0.5 where all was shown both ways;
    `right_first`, `right_second`: `accuracy`, `low`, `high` of verdicts where
      the better response was shown first, and second;
    `subsets`: `subset`, `first_rate`, `low`, `high` of each.
    Each comparison counts once, with the mean of its verdicts; what is invalid
    is left out. None where there are none.

  Raises:
    ValueError: as `accuracy.summary`.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  valid = _valid(groups)
  labelled = [j for j in valid if known[j.uid].label is not None]
  ahead = [j for j in labelled if _shown_first(known[j.uid].label, j)]
  behind = [j for j in labelled if not _shown_first(known[j.uid].label, j)]
  ideal = [
    (j.uid, float(_shown_first(known[j.uid].label, j))) for j in labelled
  ]
  return {
    **_first_rate(groups),
    "first_is_right": scores.over_comparisons(ideal)["accuracy"],
    "right_first": _accuracy(ahead, known),
    "right_second": _accuracy(behind, known),
    "subsets": [
      {"subset": subset, **_first_rate(part)}
      for subset, part in scores.by_subset(groups, known).items()
    ],
  }


def length(
  judgements: Iterable[Judgement],
  comparisons: scores.Comparisons,
  lengths: Lengths,
) -> dict:
  """Whether the judge favours the longer response, counted in characters.

  Args:
    judgements: Any number for each comparison, in either order.
    comparisons: What was judged, by uid or in a sequence.
    lengths: Of the two responses of each, in the data's order, by uid.

  Returns:
    `longer_rate`, `low`, `high`: share of verdicts for the longer response;
    `longer_is_right`: share of labelled comparisons whose longer response is
      the better one, which is what `longer_rate` should be;
    `ratios`: for each band of lengths' ratio with labelled comparisons: `ratio`
      (as "1.1-1.25"), and `longer_right`, `shorter_right`: `accuracy`, `low`,
      `high`, `comparisons` where the longer, and the shorter, is the better.
    Responses of equal length, and invalid answers, are left out.

  Raises:
    ValueError: as `accuracy.summary`, or the lengths of one are not there.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  missing = [uid for uid in groups if uid not in lengths]
  if missing:
    raise ValueError(
      f"the lengths of the responses of {missing[0]!r}, and of "
      f"{len(missing) - 1} more comparisons, are not there; give those of all "
      "that was judged"
    )
  longer = {uid: _longer(lengths[uid]) for uid in groups}
  uneven = [j for j in _valid(groups) if longer[j.uid]]
  labelled = [j for j in uneven if known[j.uid].label is not None]
  uids = {j.uid for j in labelled}
  right = sum(longer[uid] == known[uid].label for uid in uids)
  return {
    **scores.over_comparisons(
      [(j.uid, float(j.verdict.winner == longer[j.uid])) for j in uneven],
      "longer_rate",
    ),
    "longer_is_right": round(right / len(uids), 4) if uids else None,
    "ratios": _ratios(labelled, known, lengths),
  }


def rates(
  judgements: Iterable[Judgement], comparisons: scores.Comparisons
) -> list[dict]:
  """How often the judge contradicts itself, and how often it says nothing.

  Returns:
    A row for each subset, the easiest first: `subset`, `flips` and `invalid`,
    each with `rate`, `low`, `high`. A flip is a pair of verdicts of one
    sample_id in both orders that name different responses; the rate is None
    without such pairs.

  Raises:
    ValueError: as `accuracy.summary`.
  """
  known = scores.by_uid(comparisons)
  groups = scores.grouped(judgements, known)
  return [
    {
      "subset": subset,
      "flips": scores.over_comparisons(flips(part), "rate"),
      "invalid": scores.over_comparisons(
        [
          (j.uid, float(j.verdict.winner is None))
          for group in part.values()
          for j in group
        ],
        "rate",
      ),
    }
    for subset, part in scores.by_subset(groups, known).items()
  ]


def shown_first(
  groups: Mapping[str, Sequence[Judgement]],
) -> list[tuple[str, float]]:
  """Of each verdict, whether it is for the response that was shown first."""
  return [
    (j.uid, float(_shown_first(j.verdict.winner, j))) for j in _valid(groups)
  ]


def flips(
  groups: Mapping[str, Sequence[Judgement]],
) -> list[tuple[str, float]]:
  """Of each pair of verdicts in both orders, whether they differ."""
  found = []
  for uid, group in groups.items():
    said = {
      (j.sample_id, j.swapped): j.verdict.winner
      for j in group
      if j.verdict.winner is not None
    }
    for (sample_id, swapped), winner in said.items():
      if not swapped and (sample_id, True) in said:
        found.append((uid, float(winner != said[sample_id, True])))
  return found


def _valid(groups: Mapping[str, Sequence[Judgement]]) -> list[Judgement]:
  return [
    judgement
    for group in groups.values()
    for judgement in group
    if judgement.verdict.winner is not None
  ]


def _shown_first(response: int | None, judgement: Judgement) -> bool:
  """Whether a response was the first that the judge read."""
  return response == (2 if judgement.swapped else 1)


def _first_rate(groups: Mapping[str, Sequence[Judgement]]) -> dict:
  return scores.over_comparisons(shown_first(groups), "first_rate")


def _accuracy(
  valid: Iterable[Judgement], known: Mapping[str, Comparison]
) -> dict:
  return scores.over_comparisons(
    [(j.uid, float(j.verdict.winner == known[j.uid].label)) for j in valid]
  )


def _longer(lengths: tuple[int, int]) -> int | None:
  """The longer response, 1 or 2; None where they are as long."""
  first, second = lengths
  if first == second:
    return None
  return 1 if first > second else 2


def _ratios(
  labelled: Sequence[Judgement],
  known: Mapping[str, Comparison],
  lengths: Lengths,
) -> list[dict]:
  bands: dict[int, tuple[list[Judgement], list[Judgement]]] = {}
  for one in labelled:
    longer, shorter = bands.setdefault(_band(lengths[one.uid]), ([], []))
    better = _longer(lengths[one.uid]) == known[one.uid].label
    (longer if better else shorter).append(one)
  return [
    {
      "ratio": _name(band),
      "longer_right": _counted(longer, known),
      "shorter_right": _counted(shorter, known),
    }
    for band, (longer, shorter) in sorted(bands.items())
  ]


def _band(lengths: tuple[int, int]) -> int:
  """Which of the bands the lengths' ratio is in."""
  short, long = sorted(lengths)
  return bisect.bisect_right(_RATIOS, long / max(1, short)) - 1


def _name(band: int) -> str:
  low, *higher = _RATIOS[band:]
  return f"{low:g}-{higher[0]:g}" if higher else f"{low:g}+"


def _counted(
  valid: Sequence[Judgement], known: Mapping[str, Comparison]
) -> dict:
  uids = {judgement.uid for judgement in valid}
  return {**_accuracy(valid, known), "comparisons": len(uids)}
