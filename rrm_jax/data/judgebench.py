"""JudgeBench, from GitHub's or Hugging Face's ScalerLab/JudgeBench.

The fields are those of its README. The splits are named after whose answers
are compared: "gpt" are GPT-4o's, the leaderboard's 350 pairs, and "claude"
Claude 3.5 Sonnet's 270.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from rrm_jax.data import reading, rows
from rrm_jax.records import Comparison

_FILE = "data/dataset=judgebench,response_model={}.jsonl"
_MODELS = {
  "gpt": "gpt-4o-2024-05-13",
  "claude": "claude-3-5-sonnet-20240620",
}
_LABELS = {"A>B": 1, "B>A": 2}


def read(
  folder: Path, split: Literal["gpt", "claude"]
) -> reading.Reading[Comparison]:
  """Reads JudgeBench (Tan et al., arXiv:2410.12784), one of its splits.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    label = row.text("label")
    if label not in _LABELS:
      raise ValueError(f"label={label!r} must be one of {', '.join(_LABELS)}")
    yield reading.comparison(
      row,
      f"judgebench-{row.values['pair_id']}",
      notes,
      {
        "query": row.text("question"),
        "response_1": row.text("response_A"),
        "response_2": row.text("response_B"),
        "label": _LABELS[label],
        "subset": row.text("source"),
      },
    )

  published = folder / _FILE.format(_MODELS[split])
  files = (
    [published] if published.is_file() else rows.split_files(folder, split)
  )
  fields = (
    "pair_id",
    "source",
    "question",
    "response_A",
    "response_B",
    "label",
  )
  return reading.gather(files, fields, make)
