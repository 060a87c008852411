"""RM-Bench, from GitHub's THU-KEG/RM-Bench or its Hugging Face repository.

The fields are those of its README; `chosen` and `rejected` hold a concise, a
detailed and a markdown answer each.
"""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import reading, rows
from rrm_jax.records import Comparison

_STYLES = 3


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads RM-Bench (Liu et al., arXiv:2410.16184): 1,327 prompts, 9 pairs each.

  A comparison is named PROMPT/RIGHT-WRONG after the styles of its answers, and
  a prompt after its place and its id: that one is in no other domain is not
  known.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    chosen = row.texts("chosen", _STYLES)
    rejected = row.texts("rejected", _STYLES)
    for right in range(_STYLES):
      for wrong in range(_STYLES):
        yield reading.comparison(
          row,
          f"rm-bench-{row.place:04d}-{row.values['id']}/{right}-{wrong}",
          notes,
          {
            "query": row.text("prompt"),
            "chosen": chosen[right],
            "rejected": rejected[wrong],
            "subset": row.text("domain"),
          },
        )

  file = rows.named_file(
    folder,
    "total_dataset.json",
    "data/total_dataset.json",
    "data/train-00000-of-00001.parquet",
  )
  fields = ("id", "prompt", "chosen", "rejected", "domain")
  return reading.gather([file], fields, make)
