"""Questions whose answers can be verified, to make pairs of."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import gsm8k, reading, rows


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


def read_file(path: Path) -> reading.Reading[Problem]:
  """Reads problems of one's own.

  A row has `query` or `question`, and `answer`, a text or a number; `id` and
  `subset` are optional, other fields are ignored.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Problem]:
    del notes  # nothing is out of the way
    asked = row.text(row.one_of("query", "question"))
    number = row.values["answer"]
    plain = type(number) in (int, float)
    yield Problem(
      uid=str(row.values.get("id", f"{path.stem}-{row.place:06d}")),
      question=asked,
      answer=str(number) if plain else row.text("answer"),
      subset=str(row.values.get("subset") or ""),
      source=row.source,
    )

  return reading.gather([path], ("answer",), make)


def grade_school(
  folder: Path, split: str = "train"
) -> reading.Reading[Problem]:
  """Reads GSM8K's questions, whose answers end in a line `#### N`.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Problem]:
    del notes  # nothing is out of the way
    _, mark, answer = row.text("answer").rpartition("####")
    if not mark:
      raise ValueError("answer has no final line '#### N'")
    yield Problem(
      uid=f"gsm8k-{split}-{row.place:04d}",
      question=row.text("question"),
      answer=answer.strip(),
      source=row.source,
    )

  file = gsm8k.questions_file(folder, split)
  return reading.gather([file], ("question", "answer"), make)


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
