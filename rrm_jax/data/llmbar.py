"""LLMBar, from GitHub's princeton-nlp/LLMBar."""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import reading, rows
from rrm_jax.records import Comparison

# LLMBar's folders, and what their rows count towards in a report.
_SUBSETS = {
  "Natural": "natural",
  "Adversarial/Neighbor": "adversarial/neighbor",
  "Adversarial/GPTInst": "adversarial/gptinst",
  "Adversarial/GPTOut": "adversarial/gptout",
  "Adversarial/Manual": "adversarial/manual",
}


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads LLMBar (Zeng et al., arXiv:2310.07641): 419 comparisons.

  Args:
    folder: That with the folders Natural and Adversarial in it, or the
      repository.

  Returns:
    Its five subsets, one after the other, in the order of the files.

  Raises:
    ValueError: as `reading.gather`.
  """
  return reading.joined(
    _read_part(
      rows.named_file(
        folder, f"{part}/dataset.json", f"Dataset/LLMBar/{part}/dataset.json"
      ),
      subset,
    )
    for part, subset in _SUBSETS.items()
  )


def _read_part(file: Path, subset: str) -> reading.Reading[Comparison]:
  name = subset.replace("/", "-")

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    yield reading.comparison(
      row,
      f"llmbar-{name}-{row.place:03d}",
      notes,
      {
        "query": row.text("input"),
        "response_1": row.text("output_1"),
        "response_2": row.text("output_2"),
        "label": row.values["label"],
        "subset": subset,
      },
    )

  fields = ("input", "output_1", "output_2", "label")
  return reading.gather([file], fields, make)
