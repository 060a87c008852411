"""How two raters agree, in the measures that papers print."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True)
class Classification:
  """A classifier's accuracy, and the means of its classes' other measures."""

  accuracy: float
  precision: float
  recall: float
  f1: float

  def as_dict(self) -> dict:
    """The four numbers, rounded to four digits."""
    return {
      name: round(value, 4) for name, value in dataclasses.asdict(self).items()
    }


def confusion(
  labels: Sequence[Hashable],
  predictions: Sequence[Hashable],
  classes: Sequence[Hashable],
) -> Int[np.ndarray, "classes classes"]:
  """How often each label met each prediction, (classes, classes).

  Raises:
    ValueError: the lengths differ, or a value is none of the classes.
  """
  if len(labels) != len(predictions) or not labels:
    raise ValueError(
      f"{len(labels)} labels and {len(predictions)} predictions; give one of "
      "each for everything that was rated, and at least one"
    )
  places = {value: place for place, value in enumerate(classes)}
  table = np.zeros((len(classes), len(classes)), np.int64)
  for pair in zip(labels, predictions, strict=True):
    for value in pair:
      if value not in places:
        raise ValueError(f"{value!r} is none of the classes {list(classes)}")
    table[places[pair[0]], places[pair[1]]] += 1
  return table


def macro(
  table: Int[np.ndarray, "classes classes"], counted: slice = slice(None)
) -> Classification:
  """Precision, recall and F1 of each class, averaged without weights.

  A class that is never predicted has precision 0, one that is never right F1
  0, as scikit-learn counts them.

  Args:
    table: From `confusion`.
    counted: Over which classes to average.
  """
  right = np.diag(table).astype(np.float64)
  labelled, predicted = table.sum(axis=1), table.sum(axis=0)
  precision = _ratio(right, predicted)
  recall = _ratio(right, labelled)
  return Classification(
    accuracy=float(right.sum() / table.sum()),
    precision=float(precision[counted].mean()),
    recall=float(recall[counted].mean()),
    # 2 p r / (p + r), without the division by zero in p.
    f1=float(_ratio(2 * right, labelled + predicted)[counted].mean()),
  )


def cohen_kappa(table: Int[np.ndarray, "classes classes"]) -> float | None:
  """Agreement beyond what two independent raters would reach.

  (p - e) / (1 - e), with p the share of agreement and e what the raters' own
  shares of each class would give (Cohen 1960). None where e is 1: both always
  say the same one class, and there is nothing beyond it.
  """
  total = table.sum()
  expected = float(table.sum(axis=0) @ table.sum(axis=1)) / float(total) ** 2
  if expected == 1:
    return None
  agreed = float(np.trace(table)) / float(total)
  return (agreed - expected) / (1 - expected)


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
  return np.divide(over, under, out=np.zeros(len(over)), where=under > 0)
