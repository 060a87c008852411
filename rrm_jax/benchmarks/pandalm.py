"""PandaLM's test set (Wang et al. 2024, arXiv:2306.05087): 999 pairs.

Fields as published: `idx`, `instruction`, `input`, `response1`, `response2`,
`annotator1` to `annotator3`, each 0 for a tie, 1 or 2. The label is what most
of the three say: 472 prefer the second, 422 the first, 105 neither. The
published numbers are accuracy over all 999, and precision, recall and F1
averaged over the classes 0, 1 and 2 without weights; a verdict file's "Tie",
and what could not be parsed ("garbage"), are class 0.

A judge that knows no ties cannot be right on the 105, nor wrong about more
than they allow; so the report has both, all 999 and the 894 with a preference.
How the RRM paper counted the ties is not known.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks import agreement
from rrm_jax.benchmarks.outcomes import Outcome, Value, one_order
from rrm_jax.benchmarks.plain import pooled
from rrm_jax.benchmarks.score import Score

CLASSES = (0, 1, 2)
PREFERRED, TIES = "with a preference", "ties"
_NO_PREFERENCE = {"Tie", "garbage"}


def prediction(result: str | int) -> int:
  """A verdict as the published files spell it, as a class.

  Raises:
    ValueError: it is spelled in none of their ways.
  """
  if result in _NO_PREFERENCE:
    return 0
  if str(result) in ("0", "1", "2"):
    return int(result)
  raise ValueError(
    f"result={result!r} must be 0, 1 or 2, {' or '.join(_NO_PREFERENCE)}"
  )


def classification(
  labels: Sequence[int], predictions: Sequence[int]
) -> agreement.Classification:
  """The published measures."""
  return agreement.macro(agreement.confusion(labels, predictions, CLASSES))


def all_pairs(outcomes: Sequence[Outcome], invalid: float) -> list[Value]:
  """The published accuracy: ties count, and only a tie is right on them."""
  del invalid  # no verdict is class 0
  return [
    Value(
      one.uid,
      PREFERRED if one.label else TIES,
      float((one.winner or 0) == one.label),
    )
    for one in one_order(outcomes)
  ]


def score(values: Sequence[Value]) -> Score:
  """The share of pairs; the sections are those with a preference, and ties."""
  return pooled(
    [v if v.subset == TIES else v._replace(subset=PREFERRED) for v in values]
  )


def details(outcomes: Sequence[Outcome]) -> dict:
  """The published measures over all pairs, and over those with a preference.

  In one order. Over the latter, precision and the others are averaged over
  two classes, and no verdict is in neither.
  """
  shown = one_order(outcomes)
  preferred = [one for one in shown if one.label]
  every = classification(
    [one.label for one in shown], [one.winner or 0 for one in shown]
  )
  table = agreement.confusion(
    [one.label for one in preferred],
    [one.winner or 0 for one in preferred],
    CLASSES,
  )
  return {
    "all": every.as_dict(),
    "without_ties": agreement.macro(table, slice(1, None)).as_dict(),
    "ties": len({one.uid for one in shown if not one.label}),
  }
