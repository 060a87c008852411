"""HumanEvalPack, from GitHub's or Hugging Face's bigcode/humanevalpack.

The fields are those of the files.
"""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import reading, rows
from rrm_jax.records import Comparison

LANGUAGES = ("cpp", "go", "java", "js", "python", "rust")


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads a correct and a buggy solution of each of 6 x 164 problems.

  The query is `instruction`, a response is `declaration` and the solution, for
  Go with the imports before it.

  Args:
    folder: With a file or a folder for each language.

  Raises:
    ValueError: a language is missing, or as `reading.gather`.
  """
  return reading.joined(
    _read_language(
      rows.named_file(
        folder,
        f"{language}.jsonl",
        f"data/{language}/data/humanevalpack.jsonl",
      ),
      language,
    )
    for language in LANGUAGES
  )


def _read_language(file: Path, language: str) -> reading.Reading[Comparison]:
  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    head = row.text("import") if row.values.get("import") else ""
    head += row.text("declaration")
    yield reading.comparison(
      row,
      f"humanevalpack-{language}-{row.place:03d}",
      notes,
      {
        "query": row.text("instruction"),
        "chosen": head + row.text("canonical_solution"),
        "rejected": head + row.text("buggy_solution"),
        "subset": f"hep-{language}",
      },
    )

  fields = ("instruction", "declaration", "canonical_solution")
  return reading.gather([file], (*fields, "buggy_solution"), make)
