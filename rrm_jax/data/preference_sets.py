"""Preference data to train judges on, from Hugging Face.

Sets whose rows hold two whole conversations become comparisons where these are
the same but for the last answer; what is not is left out and counted.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rrm_jax.data import conversations, reading, rows
from rrm_jax.records import Comparison

# In RM-R1's mix: the source without it, and how much code.
_DROPPED_SOURCE = "magpie_ultra"
_RM_R1_CODE_PAIRS = 8_000
_RM_R1_CODE_SEED = 42


def skywork(folder: Path, rm_r1: bool = False) -> reading.Reading[Comparison]:
  """Reads Skywork/Skywork-Reward-Preference-80K-v0.2.

  Fields `chosen`, `rejected` (conversations) and `source`, as RM-R1's released
  script reads them.

  Args:
    folder: Of the set.
    rm_r1: Leaves out the source magpie_ultra, as RM-R1 does: in it, rejected
      answers always hold a special token's text and chosen ones never do.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    source = row.text("source")
    if rm_r1 and source == _DROPPED_SOURCE:
      notes[f"are of the source {source}, left out"] += 1
      return
    yield from _conversations(row, f"skywork-{row.place:05d}", source, notes)

  fields = ("chosen", "rejected", "source")
  return reading.gather(rows.split_files(folder, "train"), fields, make)


def tulu3(folder: Path) -> reading.Reading[Comparison]:
  """Reads allenai/llama-3.1-tulu-3-8b-preference-mixture.

  Fields `chosen` and `rejected` (conversations) and perhaps `source`.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    subset = row.text("source") if row.values.get("source") else ""
    yield from _conversations(row, f"tulu3-{row.place:06d}", subset, notes)

  fields = ("chosen", "rejected")
  return reading.gather(rows.split_files(folder, "train"), fields, make)


def code_preference(
  folder: Path, rm_r1: bool = False
) -> reading.Reading[Comparison]:
  """Reads Vezora/Code-Preference-Pairs: code, and the same with bugs.

  Fields `input`, `accepted` and `rejected`, as TRL's documentation and RM-R1's
  released script read them.

  Args:
    folder: Of the set.
    rm_r1: Only the 8,000 that RM-R1 takes: the first of `datasets`' shuffle
      with seed 42, in its order.

  Raises:
    ValueError: as `reading.gather`, or there are not as many.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    yield reading.comparison(
      row,
      f"code-preference-{row.place:05d}",
      notes,
      {
        "query": row.text("input"),
        "chosen": row.text("accepted"),
        "rejected": row.text("rejected"),
      },
    )

  fields = ("input", "accepted", "rejected")
  found = reading.gather(rows.split_files(folder, "train"), fields, make)
  if not rm_r1:
    return found
  total = len(found.items)
  if total < _RM_R1_CODE_PAIRS:
    raise ValueError(
      f"{folder} has {total} pairs, and RM-R1 takes {_RM_R1_CODE_PAIRS}; give "
      "the whole set"
    )
  order = np.random.default_rng(_RM_R1_CODE_SEED).permutation(total)
  taken = [found.items[place] for place in order[:_RM_R1_CODE_PAIRS]]
  return reading.Reading(taken, found.notes)


def math_step_dpo(folder: Path) -> reading.Reading[Comparison]:
  """Reads xinlai/Math-Step-DPO-10K: solutions that part at a wrong step.

  Fields `prompt`, `initial_reason_steps`, `full_chosen`, `full_rejected`, of
  its data card; a response is the steps they share and its own, joined as in
  RM-R1's released script.

  Raises:
    ValueError: as `reading.gather`.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    shared = row.text("initial_reason_steps")
    yield reading.comparison(
      row,
      f"math-step-dpo-{row.place:05d}",
      notes,
      {
        "query": row.text("prompt"),
        "chosen": shared + row.text("full_chosen"),
        "rejected": shared + row.text("full_rejected"),
      },
    )

  fields = ("prompt", "initial_reason_steps", "full_chosen", "full_rejected")
  return reading.gather(rows.split_files(folder, "train"), fields, make)


def _conversations(
  row: reading.Row, uid: str, subset: str, notes: reading.Notes
) -> Iterable[Comparison]:
  """A comparison of two conversations' last answers, if all else is one."""
  chosen, rejected = (
    conversations.turns(row.values[name], name)
    for name in ("chosen", "rejected")
  )
  roles = {chosen[-1]["role"], rejected[-1]["role"]}
  if chosen[:-1] != rejected[:-1]:
    notes["have conversations that part before the last answer, left out"] += 1
  elif roles != {"assistant"} or len(chosen) < 2:
    notes["have no query or no answer to it, left out"] += 1
  elif not all(_says_something(turn["content"]) for turn in chosen[:-1]):
    notes["have a turn that says nothing, left out"] += 1
  else:
    fields = {"chosen": chosen, "rejected": rejected, "subset": subset}
    yield reading.comparison(row, uid, notes, fields)


def _says_something(content: object) -> bool:
  return isinstance(content, str) and bool(content.strip())
