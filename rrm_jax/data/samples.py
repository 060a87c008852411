"""Sampled answers to questions: who wrote what, whether right or wrong."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rrm_jax.data import gsm8k, reading, rows


class Sample(NamedTuple):
  """One answer to a question.

  Attributes:
    uid: Where it came from, which no other does.
    question: What was asked, word by word.
    response: The answer, perhaps with the thought before it.
  """

  uid: str
  question: str
  response: str


def read_file(path: Path) -> reading.Reading[Sample]:
  """Reads samples of one's own.

  A row has `query` or `question`, and `candidates` (a list of texts) or
  `response` (a text); other fields are ignored. So rows for launch.tournament
  will do, and so will one row for each answer.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Sample]:
    del notes  # nothing is out of the way
    asked = row.text(row.one_of("query", "question"))
    name = row.one_of("candidates", "response")
    said = row.texts(name) if name == "candidates" else [row.text(name)]
    for place, text in enumerate(said):
      yield Sample(f"{row.source}/{place}", asked, text)

  return reading.gather([path], (), make)


def gsm8k_solutions(folder: Path) -> reading.Reading[Sample]:
  """Four models' solutions of GSM8K's test questions, as released with it.

  Calculator annotations are stripped, as for `gsm8k.read`.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Sample]:
    del notes  # nothing is out of the way
    asked = row.text("question")
    for name in row.values:
      if name not in ("question", "ground_truth"):
        said = gsm8k.without_annotations(row.text(name, "solution"))
        yield Sample(f"{row.source}/{name}", asked, said)

  file = gsm8k.solutions_file(folder)
  return reading.gather([file], ("question", "ground_truth"), make)


def gsm8k_references(
  folder: Path, split: str = "train"
) -> reading.Reading[Sample]:
  """The reference solutions of GSM8K themselves, annotations stripped.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Sample]:
    del notes  # nothing is out of the way
    said = gsm8k.without_annotations(row.text("answer"))
    yield Sample(row.source, row.text("question"), said)

  file = gsm8k.questions_file(folder, split)
  return reading.gather([file], ("question", "answer"), make)


def tora(folder: Path) -> reading.Reading[Sample]:
  """ToRA's outputs (Gou et al., arXiv:2309.17452), program and all.

  Fields `question` and `code`, a list of which the first is the answer. Where
  these stand against answers in prose, style tells them apart.

  Raises:
    ValueError: as `reading.gather`, or the folder has no such file.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Sample]:
    del notes  # nothing is out of the way
    texts = row.texts("code")
    if not texts:
      raise ValueError("code=[] must have a text")
    yield Sample(row.source, row.text("question"), texts[0])

  files = [folder] if folder.is_file() else sorted(folder.glob("*.jsonl"))
  if not files:
    rows.named_file(folder, "*.jsonl")
  return reading.gather(files, ("question", "code"), make)
