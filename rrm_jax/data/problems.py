"""Questions whose answers can be verified, to make pairs of."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import reading, rows


@dataclasses.dataclass(frozen=True)
class Problem:
  """A question with its final answer.

  Attributes:
    uid: Names it for ever.
    question: What is asked.
    answer: The final answer, as the set writes it.
    subset: Its field of knowledge, "" for none.
    source: Where it came from.
  """

  uid: str
  question: str
  answer: str
  subset: str = ""
  source: str = ""


def webinstruct(folder: Path, split: str = "train") -> reading.Reading[Problem]:
  """Reads TIGER-Lab/WebInstruct-verified.

  Fields `question`, `answer` and perhaps `category` (read so by several public
  training recipes).

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Problem]:
    del notes  # nothing is out of the way
    yield Problem(
      uid=f"webinstruct-{split}-{row.place:06d}",
      question=row.text("question"),
      answer=row.text("answer"),
      subset=row.values.get("category") or "",
      source=row.source,
    )

  files = rows.split_files(folder, split)
  return reading.gather(files, ("question", "answer"), make)
