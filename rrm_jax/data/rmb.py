"""RMB, from GitHub's Zhou-Zoey/RMB-Reward-Model-Benchmark.

The files of RMB_dataset: Pairwise_set and BoN_set, each with Helpfulness and
Harmlessness below it, and there a file for each scenario. The fields are those
of the files themselves.
"""

from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import reading
from rrm_jax.records import Comparison

_GOALS = ("Helpfulness", "Harmlessness")


def read(folder: Path) -> reading.Reading[Comparison]:
  """Reads RMB (Zhou et al., arXiv:2410.09893): pairs, and groups as pairs.

  A group's best response is compared with each of its others, and named
  GROUP/0-OTHER.

  Args:
    folder: RMB_dataset, or the repository.

  Raises:
    ValueError: a set is missing, or as `reading.gather`.
  """
  pair_fields = ("conversation_input", "chosen", "reject", "category_path")
  group_fields = ("conversation_input", "bon_best", "loser_list")
  pairs = reading.gather(_files(folder, "Pairwise_set"), pair_fields, _pair)
  grouped = reading.gather(
    _files(folder, "BoN_set"), (*group_fields, "category_path"), _group
  )
  return reading.joined([pairs, grouped])


def _files(folder: Path, kind: str) -> list[Path]:
  inner = folder / "RMB_dataset"
  top = inner if inner.is_dir() else folder
  files = []
  for goal in _GOALS:
    found = sorted((top / kind / goal).rglob("*.json"))
    if not found:
      raise ValueError(
        f"{top / kind / goal} has no JSON files; give the folder RMB_dataset "
        "with Pairwise_set and BoN_set in it"
      )
    files += found
  return files


def _pair(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
  yield reading.comparison(
    row,
    f"rmb-{row.text('category_path')}-{row.place:04d}",
    notes,
    {
      "conversation": row.values["conversation_input"],
      "chosen": row.text("chosen", "answer"),
      "rejected": row.text("reject", "answer"),
      "subset": row.values["category_path"],
    },
  )


def _group(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
  losers = row.values["loser_list"]
  if not isinstance(losers, list) or not losers:
    raise ValueError("loser_list must be a list of responses, and have one")
  category = row.text("category_path")
  for place, loser in enumerate(losers, start=1):
    if not isinstance(loser, dict) or not isinstance(loser.get("answer"), str):
      raise ValueError(
        f"loser_list[{place - 1}] must be an object whose answer is a text"
      )
    yield reading.comparison(
      row,
      f"rmb-{category}-{row.place:04d}/0-{place}",
      notes,
      {
        "conversation": row.values["conversation_input"],
        "chosen": row.text("bon_best", "answer"),
        "rejected": loser["answer"],
        "subset": category,
      },
    )
