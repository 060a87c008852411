"""RewardBench and RewardBench 2, from Hugging Face's allenai/reward-bench(-2).

RewardBench's fields and its split "filtered" are those which allenai's own
loader reads; ids repeat between subsets, so rows are named by their place.
RewardBench 2's fields are those of its released scripts.
"""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import groups, reading, rows
from rrm_jax.records import Candidates, Comparison

_TIES = "Ties"


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads RewardBench (Lambert et al., arXiv:2403.13787): 2,985 pairs.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    yield reading.comparison(
      row,
      f"rewardbench-{row.place:04d}",
      notes,
      {
        "query": row.text("prompt"),
        "chosen": row.text("chosen"),
        "rejected": row.text("rejected"),
        "subset": row.text("subset"),
      },
    )

  fields = ("prompt", "chosen", "rejected", "subset")
  return reading.gather(rows.split_files(folder, "filtered"), fields, make)


def read_groups(folder: Path) -> reading.Reading[Candidates]:
  """Reads RewardBench 2 (Malik et al., arXiv:2506.01937): 1,865 groups.

  The right answers come first. A group's name ends in its published id, which
  the rule for the subset Ties needs.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Candidates]:
    right = row.texts("chosen")
    wrong = row.texts("rejected")
    yield groups.candidates(
      row,
      f"rewardbench2-{row.place:04d}-{row.values['id']}",
      notes,
      query=row.text("prompt"),
      responses=(*right, *wrong),
      correct=(True,) * len(right) + (False,) * len(wrong),
      subset=row.text("subset"),
    )

  fields = ("id", "prompt", "chosen", "rejected", "subset")
  return reading.gather(rows.split_files(folder, "test"), fields, make)


def read_pairs(folder: Path) -> reading.Reading[Comparison]:
  """RewardBench 2 as comparisons of the right with each wrong answer.

  The subset Ties asks for ratings, not for winners, and is left out.

  Raises:
    ValueError: as `reading.gather`.
  """
  found = read_groups(folder)
  compared = [group for group in found.items if group.subset != _TIES]
  if left_out := len(found.items) - len(compared):
    found.notes["groups of the subset Ties are left out: they need ratings"] = (
      left_out
    )
  pairs = [pair for group in compared for pair in groups.comparisons(group)]
  return reading.Reading(pairs, found.notes)
