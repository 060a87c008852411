"""PandaLM's test set, from GitHub's WeOpenML/PandaLM: testset-v1.json."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rrm_jax.data import reading, rows
from rrm_jax.records import Comparison

TIE = 0
_CLASSES = (TIE, 1, 2)
_ANNOTATORS = ("annotator1", "annotator2", "annotator3")


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads the test set (Wang et al., arXiv:2306.05087): 999 pairs.

  The label is what most of the three annotators say; where that is a tie, there
  is no label. The query is the instruction, with the input below it if there
  is one. Six answers are JSON's true, written out as the text "True", as the
  RRM paper's released harness does.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    label = majority([row.values[name] for name in _ANNOTATORS])
    if label == TIE:
      notes["are a tie for the annotators, so have no label"] += 1
    asked = [row.text("instruction"), row.text("input")]
    yield reading.comparison(
      row,
      f"pandalm-{str(row.values['idx']).zfill(4)}",
      notes,
      {
        "query": "\n\n".join(part for part in asked if part),
        "response_1": _written_out(row.values["response1"], notes),
        "response_2": _written_out(row.values["response2"], notes),
        "label": label or None,
      },
    )

  fields = ("idx", "instruction", "input", "response1", "response2")
  file = rows.named_file(folder, "testset-v1.json", "data/testset-v1.json")
  return reading.gather([file], (*fields, *_ANNOTATORS), make)


def majority(annotators: Sequence[int]) -> int:
  """What more than half of the annotators say: 0 for a tie, 1 or 2.

  Raises:
    ValueError: there is no such label, or one is none of 0, 1 and 2.
  """
  for label in annotators:
    if label not in _CLASSES:
      raise ValueError(f"annotator={label!r} must be one of {_CLASSES}")
  for label in _CLASSES:
    if 2 * list(annotators).count(label) > len(annotators):
      return label
  raise ValueError(f"annotators {list(annotators)} have no majority")


def _written_out(answer: object, notes: reading.Notes) -> object:
  """An answer which is a boolean, as a text."""
  if not isinstance(answer, bool):
    return answer
  notes["have an answer that is a boolean, written out as a text"] += 1
  return str(answer)
