"""Reads prompts with candidates from JSONL files: the best of N is wanted.

A row is an object with `query` (a text) or `conversation` (a list of
{"role", "content"}, the last from the user), and `candidates`, a list of at
least two texts. `correct`, as many trues and falses or ones and zeros, `id` and
`subset` are optional; other fields are ignored. The query may be a `prompt` (a
text, or a list of turns) and have the other names that `fields` knows.
"""

from pathlib import Path
from typing import Any

from rrm_jax.data import conversations, fields, jsonl
from rrm_jax.records import Candidates


def read_candidates(
  path: str | Path, allow_empty: bool = False
) -> list[Candidates]:
  """Reads a whole file, or refuses it with a list of its bad rows.

  Rows without an `id` are named by file and line.

  Args:
    path: A JSONL file in UTF-8.
    allow_empty: Whether a candidate may be empty.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows; the
      message names each with its line, up to ten of them.
  """
  return jsonl.read(
    Path(path),
    lambda row, uid, source: candidates_from_row(row, uid, source, allow_empty),
  )


def candidates_from_row(
  row: Any, default_uid: str, source: str, allow_empty: bool = False
) -> Candidates:
  """Turns one decoded row into a prompt with its candidates.

  Args:
    row: What the JSON text stood for.
    default_uid: The name for a row without an `id`.
    source: Where the row came from.
    allow_empty: Whether a candidate may be empty.

  Raises:
    ValueError: a field is missing or makes no sense; the message names it,
      its value and what to do.
  """
  jsonl.check_object(row, '{"query": ..., "candidates": [..., ...]}')
  row = conversations.flattened(fields.renamed_candidates(row))
  uid = jsonl.uid(row, default_uid)
  responses = _responses(row, allow_empty)
  return Candidates(
    uid=uid,
    conversation=jsonl.conversation(row),
    responses=responses,
    correct=_correct(row, responses),
    subset=jsonl.subset(row),
    source=source,
  )


def _responses(row: dict, allow_empty: bool) -> tuple[str, ...]:
  found = row.get("candidates")
  if not isinstance(found, list):
    raise ValueError(
      f"candidates={jsonl.show(found)} must be a list of at least two texts"
    )
  if len(found) < 2:
    raise ValueError(
      f"candidates has {len(found)} of the two or more that can be compared; "
      "add others or remove the row"
    )
  return tuple(
    jsonl.text(text, f"candidates[{place}]", allow_empty)
    for place, text in enumerate(found)
  )


def _correct(row: dict, responses: tuple[str, ...]) -> tuple[bool, ...] | None:
  found = row.get("correct")
  if found is None:
    return None
  if not isinstance(found, list) or len(found) != len(responses):
    raise ValueError(
      f"correct={jsonl.show(found)} must be a list of {len(responses)} trues "
      "and falses, one for each candidate, or be left out"
    )
  said: dict[str, tuple[int, bool]] = {}
  for place, (text, value) in enumerate(zip(responses, found, strict=True)):
    if type(value) not in (bool, int, float) or value not in (0, 1):
      raise ValueError(
        f"correct[{place}]={jsonl.show(value)} must be true or false"
      )
    first, other = said.setdefault(text, (place, bool(value)))
    if other != bool(value):
      raise ValueError(
        f"candidates[{first}] and candidates[{place}] are the same text, of "
        f"which correct says both {jsonl.show(other)} and "
        f"{jsonl.show(bool(value))}; correct one of them"
      )
  return tuple(bool(value) for value in found)
