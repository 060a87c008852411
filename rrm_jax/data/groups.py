"""Groups of candidates, and the comparisons within them."""

from rrm_jax import stable_hash
from rrm_jax.data import reading
from rrm_jax.records import Candidates, Comparison, Message


def candidates(
  row: reading.Row,
  uid: str,
  notes: reading.Notes,
  *,
  query: str,
  responses: tuple[str, ...],
  correct: tuple[bool, ...],
  subset: str,
) -> Candidates:
  """A group of a published row, of which some answers are right.

  Raises:
    ValueError: there are less than two answers, not one mark for each, or no
      query.
  """
  if len(responses) < 2 or len(correct) != len(responses):
    raise ValueError(
      f"the row has {len(responses)} answers and {len(correct)} marks; it must "
      "have two at least, and a mark for each"
    )
  if not query.strip():
    raise ValueError("the query is empty")
  reading.count_texts(responses, notes)
  return Candidates(
    uid=uid,
    conversation=(Message("user", query),),
    responses=responses,
    correct=correct,
    subset=subset,
    source=row.source,
  )


def comparison(group: Candidates, right: int, wrong: int) -> Comparison:
  """One right answer of a group against a wrong one, in an order by a coin.

  It is named GROUP/RIGHT-WRONG after their places, from which benchmarks tell
  what belongs together.
  """
  uid = f"{group.uid}/{right}-{wrong}"
  first = stable_hash.coin("order", uid)
  places = (right, wrong) if first else (wrong, right)
  return Comparison(
    uid=uid,
    conversation=group.conversation,
    responses=(group.responses[places[0]], group.responses[places[1]]),
    label=1 if first else 2,
    subset=group.subset,
    source=group.source,
  )


def comparisons(group: Candidates) -> list[Comparison]:
  """Each right answer of a group against each wrong one.

  Raises:
    ValueError: it is not known which are right.
  """
  if group.correct is None:
    raise ValueError(
      f"group {group.uid!r} does not say which answers are right, so no "
      "comparison of them has a label"
    )
  return [
    comparison(group, right, wrong)
    for right, is_right in enumerate(group.correct)
    if is_right
    for wrong, also_right in enumerate(group.correct)
    if not also_right
  ]
