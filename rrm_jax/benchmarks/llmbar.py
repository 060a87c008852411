"""LLMBar (Zeng et al. 2024, arXiv:2310.07641): 419 pairs.

Fields as published: `input`, `output_1`, `output_2`, `label`. Each evaluator
is shown both orders; a set's accuracy is the mean of the two orders' and its
agreement the share of pairs with one verdict in both. The adversarial average
is that of the four adversarial sets, the average that of all five.

The released accuracies and agreements reproduce so. Of the released kappas,
that between the orders is Cohen's where no verdict is missing; those with the
labels are not Cohen's at all. Here all are.
"""

from collections.abc import Sequence

from rrm_jax.benchmarks import agreement
from rrm_jax.benchmarks.outcomes import Outcome, Value, by_comparison
from rrm_jax.benchmarks.plain import averaged
from rrm_jax.benchmarks.score import Score

# What a published run has for an answer without a verdict.
NO_VERDICT = 0
_CLASSES = (1, 2, NO_VERDICT)


def of_strings(
  labels: str, given: str, swapped: str, subset: str = ""
) -> list[Outcome]:
  """A published run: one digit a pair, 0 for no verdict.

  Args:
    labels: The better response of each pair, 1 or 2.
    given: The verdicts in the data's order.
    swapped: Those in the other one, the swap undone.
    subset: What they count towards.

  Raises:
    ValueError: the strings' lengths differ, or a digit is none of those.
  """
  if not len(labels) == len(given) == len(swapped):
    raise ValueError(
      f"{len(labels)} labels, {len(given)} verdicts in the given order and "
      f"{len(swapped)} in the other; a run must have one digit of each a pair"
    )
  outcomes = []
  for is_swapped, digits in enumerate((given, swapped)):
    for place, (label, digit) in enumerate(zip(labels, digits, strict=True)):
      if label not in "12" or digit not in "120":
        raise ValueError(
          f"pair {place} has label {label!r} and verdict {digit!r}; labels are "
          "1 or 2, verdicts 1, 2 or 0"
        )
      outcomes.append(
        Outcome(
          uid=f"{subset}-{place:03d}",
          label=int(label),
          winner=int(digit) or None,
          swapped=bool(is_swapped),
          subset=subset,
        )
      )
  return outcomes


def score(values: Sequence[Value]) -> Score:
  """The published rule, with the adversarial average beside the sets."""
  every = averaged(values)
  adversarial = tuple(
    one for one in every.strata if one.name.startswith("adversarial")
  )
  if not adversarial:
    return every
  mean = sum(one.mean for one in adversarial) / len(adversarial)
  sections = {**every.sections, "adversarial": mean}
  parts = {"adversarial": adversarial}
  return Score(every.overall, sections, every.strata, parts)


def details(outcomes: Sequence[Outcome]) -> dict:
  """Agreement between the two orders, and kappas; None without both orders.

  The kappas are between the orders, and of each order with the labels. No
  verdict is a class of its own.
  """
  pairs: list[tuple[Outcome, Outcome]] = []
  for group in by_comparison(outcomes).values():
    first = [one for one in group if not one.swapped]
    second = [one for one in group if one.swapped]
    pairs += zip(first, second, strict=False)  # vote by vote
  if not pairs:
    return {"agreement": None}
  given, swapped = (
    [one.winner or NO_VERDICT for one in order]
    for order in zip(*pairs, strict=True)
  )
  labels = [one.label for one, _ in pairs]
  right = [one.winner == other.winner == one.label for one, other in pairs]
  same = [a == b for a, b in zip(given, swapped, strict=True)]
  return {
    "agreement": sum(same) / len(pairs),
    "right_in_both": sum(right) / len(pairs),
    "kappa_orders": _kappa(given, swapped),
    "kappa_given": _kappa(labels, given),
    "kappa_swapped": _kappa(labels, swapped),
  }


def _kappa(one: Sequence[int], other: Sequence[int]) -> float | None:
  return agreement.cohen_kappa(agreement.confusion(one, other, _CLASSES))
