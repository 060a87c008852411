"""Reads comparisons from JSONL files, and says what is wrong with them.

A row is an object with `query` (a text) or `conversation` (a list of
{"role", "content"}, the last from the user), and with `chosen` and `rejected`
or with `response_1`, `response_2` and perhaps `label` (1 or 2). `id` and
`subset` are optional; other fields are ignored. Rows as Hugging Face's sets
have them, with `prompt` and lists of turns, are read too, and so are the other
names of `fields`.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rrm_jax import stable_hash
from rrm_jax.data import conversations, fields, jsonl
from rrm_jax.records import Comparison, Message


def read_jsonl(path: str | Path, allow_empty: bool = False) -> list[Comparison]:
  """Reads a whole file, or refuses it with a list of its bad rows.

  Rows without an `id` are named by file and line.

  Args:
    path: A JSONL file in UTF-8.
    allow_empty: Whether a response may be empty.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows; the
      message names each with its line, up to ten of them.
  """
  return jsonl.read(
    Path(path),
    lambda row, uid, source: comparison_from_row(row, uid, source, allow_empty),
  )


def comparison_from_row(
  row: Any, default_uid: str, source: str, allow_empty: bool = False
) -> Comparison:
  """Turns one decoded row into a comparison.

  A preferred response must not be told by its place, so rows of `chosen` and
  `rejected` are ordered by a stable hash of the id.

  Args:
    row: What the JSON text stood for.
    default_uid: The name for a row without an `id`.
    source: Where the row came from.
    allow_empty: Whether a response may be empty.

  Raises:
    ValueError: a field is missing or makes no sense; the message names it,
      its value and what to do.
  """
  jsonl.check_object(row, '{"query": ..., "chosen": ..., "rejected": ...}')
  row = conversations.flattened(fields.renamed(row))
  uid = jsonl.uid(row, default_uid)
  responses, label = _responses(row, uid, allow_empty)
  return Comparison(
    uid=uid,
    conversation=jsonl.conversation(row),
    responses=responses,
    label=label,
    subset=jsonl.subset(row),
    source=source,
  )


def comparison_of(
  query: str | Sequence[Message | Mapping[str, str]], first: str, second: str
) -> Comparison:
  """An unlabelled comparison, with a uid made of its texts.

  Args:
    query: What was asked, or a conversation that ends with it.
    first: A response; may be empty, as may the other.
    second: The other.

  Raises:
    ValueError: a text is none, or a turn makes no sense.
  """
  row: dict[str, Any] = {"response_1": first, "response_2": second}
  if isinstance(query, str):
    row["query"] = query
  else:
    row["conversation"] = [
      turn._asdict() if isinstance(turn, Message) else turn for turn in query
    ]
  found = comparison_from_row(row, "", "the call", allow_empty=True)
  name = json.dumps([found.conversation, *found.responses]).encode()
  return dataclasses.replace(found, uid=hashlib.sha256(name).hexdigest())


def _responses(
  row: dict, uid: str, allow_empty: bool
) -> tuple[tuple[str, str], int | None]:
  """The two responses and the label."""
  ranked = [name for name in ("chosen", "rejected") if name in row]
  placed = [name for name in ("response_1", "response_2") if name in row]
  names = ranked or placed
  if len(names) != 2 or (ranked and placed):
    others = ", ".join(map(str, row)) or "nothing"
    there = ", ".join([*ranked, *placed]) or f"no responses, but {others}"
    raise ValueError(
      f"the row has {there}; give either chosen and rejected, or response_1 "
      "and response_2"
    )
  first, second = (jsonl.text(row[name], name, allow_empty) for name in names)
  label = row.get("label")
  if placed:
    # Tables in which some rows have no label hold the others as 1.0 or 2.0.
    number = type(label) in (int, float)
    if label is not None and not (number and label in (1, 2)):
      raise ValueError(
        f"label={jsonl.show(label)} must be the number 1 or 2, or be left out"
      )
    return (first, second), None if label is None else int(label)
  if label is not None:
    raise ValueError(
      f"label={jsonl.show(label)} makes no sense with chosen and rejected, "
      "which say it already; remove it"
    )
  if stable_hash.coin("order", uid):
    return (first, second), 1
  return (second, first), 2
