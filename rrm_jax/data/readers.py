"""Reads comparisons from JSONL files, and says what is wrong with them.

A row is an object with `query` (a text) or `conversation` (a list of
{"role", "content"}, the last from the user), and with `chosen` and `rejected`
or with `response_1`, `response_2` and perhaps `label` (1 or 2). `id` and
`subset` are optional; other fields are ignored.
"""

import json
import reprlib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rrm_jax import stable_hash
from rrm_jax.records import Comparison, Message, Role

_SHOWN_PROBLEMS = 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ROLES = typing.get_args(Role)


def read_jsonl(path: str | Path, allow_empty: bool = False) -> list[Comparison]:
  """Reads a whole file, or refuses it with a list of its bad rows.

  Rows without an `id` are named by file and line, so they keep their name
  when the folder moves. Lines end at a line feed only: other separators may
  stand inside texts.

  Args:
    path: A JSONL file in UTF-8.
    allow_empty: Whether a response may be empty.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows; the
      message names each with its line, up to ten of them.
  """
  path = Path(path)
  comparisons: list[Comparison] = []
  problems: list[str] = []
  seen: dict[str, int] = {}
  for line, raw in _rows(path):
    try:
      comparison = comparison_from_row(
        _parse(raw),
        default_uid=f"{path.name}:{line}",
        source=f"{path}:{line}",
        allow_empty=allow_empty,
      )
      first = seen.setdefault(comparison.uid, line)
      if first != line:
        raise ValueError(
          f"id {_show(comparison.uid)} is that of line {first} too; each row "
          "needs its own"
        )
      comparisons.append(comparison)
    except ValueError as error:
      problems.append(f"{path}:{line}: {error}")
  raise_problems(path, problems, len(problems) + len(comparisons))
  return comparisons


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
  if not isinstance(row, dict):
    raise ValueError(
      f"the row is {_show(row)}, must be an object such as "
      '{"query": ..., "chosen": ..., "rejected": ...}'
    )
  uid = _uid(row, default_uid)
  subset = row.get("subset")
  if not (subset is None or isinstance(subset, str)):
    raise ValueError(f"subset={_show(subset)} must be a text")
  responses, label = _responses(row, uid, allow_empty)
  return Comparison(
    uid=uid,
    conversation=_conversation(row),
    responses=responses,
    label=label,
    subset=subset or "",
    source=source,
  )


def raise_problems(path: Path, problems: list[str], num_rows: int) -> None:
  """Refuses a file with bad rows, or with none at all.

  Raises:
    ValueError: there are problems, or no rows.
  """
  if problems:
    shown = problems[:_SHOWN_PROBLEMS]
    if len(problems) > len(shown):
      shown.append(f"and {len(problems) - len(shown)} more")
    raise ValueError(
      f"{len(problems)} of {num_rows} rows of {path} are bad; correct or "
      "remove them:\n  " + "\n  ".join(shown)
    )
  if not num_rows:
    raise ValueError(f"{path} has no rows; give a file with some comparisons")


def _rows(path: Path) -> Iterator[tuple[int, bytes]]:
  """Line numbers from 1, and the lines which are not blank."""
  try:
    with path.open("rb") as file:
      for line, raw in enumerate(file, start=1):
        if line == 1:
          raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if raw.strip():
          yield line, raw
  except OSError as error:
    raise ValueError(
      f"{path} cannot be read: {error.strerror}; give the path of a JSONL file"
    ) from None


def _parse(raw: bytes) -> Any:
  try:
    return json.loads(raw.decode().rstrip("\r\n"))
  except UnicodeDecodeError as error:
    raise ValueError(
      f"byte {error.start + 1} of the line, {raw[error.start]:#04x}, is not "
      "UTF-8; save the file in that encoding"
    ) from None
  except json.JSONDecodeError as error:
    raise ValueError(
      f"column {error.colno}: no valid JSON: {error.msg}; each line must hold "
      "one whole object"
    ) from None
  except RecursionError:
    raise ValueError("no valid JSON: nested too deeply") from None


def _uid(row: dict, default: str) -> str:
  uid = row.get("id")
  if uid is None:
    return default
  if type(uid) is int:
    return str(uid)
  return _text(uid, "id")


def _conversation(row: dict) -> tuple[Message, ...]:
  if ("query" in row) == ("conversation" in row):
    raise ValueError(
      f"the row has {'both' if 'query' in row else 'neither'} of query and "
      "conversation; give one of them"
    )
  if "query" in row:
    return (Message("user", _text(row["query"], "query")),)
  turns = row["conversation"]
  if not isinstance(turns, list) or not turns:
    raise ValueError(
      f"conversation={_show(turns)} must be a list of "
      '{"role": ..., "content": ...}'
    )
  messages = tuple(
    _message(turn, f"conversation[{place}]") for place, turn in enumerate(turns)
  )
  if messages[-1].role != "user":
    raise ValueError(
      f"conversation[{len(turns) - 1}].role={messages[-1].role!r} must be "
      "'user': the last turn is the query which the responses answer"
    )
  return messages


def _message(turn: Any, name: str) -> Message:
  if not isinstance(turn, dict):
    raise ValueError(
      f'{name}={_show(turn)} must be an object {{"role": ..., "content": ...}}'
    )
  role = turn.get("role")
  if role not in _ROLES:
    raise ValueError(
      f"{name}.role={_show(role)} must be one of {', '.join(_ROLES)}"
    )
  if "content" not in turn:
    raise ValueError(f"{name}.content is missing")
  return Message(
    typing.cast(Role, role), _text(turn["content"], f"{name}.content")
  )


def _responses(
  row: dict, uid: str, allow_empty: bool
) -> tuple[tuple[str, str], int | None]:
  """The two responses and the label."""
  ranked = [name for name in ("chosen", "rejected") if name in row]
  placed = [name for name in ("response_1", "response_2") if name in row]
  names = ranked or placed
  if len(names) != 2 or (ranked and placed):
    raise ValueError(
      f"the row has {', '.join([*ranked, *placed]) or 'no responses'}; give "
      "either chosen and rejected, or response_1 and response_2"
    )
  first, second = (_text(row[name], name, allow_empty) for name in names)
  label = row.get("label")
  if placed:
    if label is not None and (type(label) is not int or label not in (1, 2)):
      raise ValueError(
        f"label={_show(label)} must be the number 1 or 2, or be left out"
      )
    return (first, second), label
  if label is not None:
    raise ValueError(
      f"label={_show(label)} makes no sense with chosen and rejected, which "
      "say it already; remove it"
    )
  if stable_hash.coin("order", uid):
    return (first, second), 1
  return (second, first), 2


def _text(value: Any, name: str, allow_empty: bool = False) -> str:
  if not isinstance(value, str):
    raise ValueError(f"{name}={_show(value)} must be a text")
  if not (allow_empty or value.strip()):
    raise ValueError(f"{name}={_show(value)} is empty; fill it in")
  try:
    value.encode()
  except UnicodeEncodeError as error:
    raise ValueError(
      f"{name} has half a surrogate pair, {value[error.start]!a}, as its "
      f"character {error.start + 1}, which is no text; remove it"
    ) from None
  return value


def _show(value: Any) -> str:
  """A value as JSON would spell it, shortened."""
  if value is None or isinstance(value, bool):
    return json.dumps(value)
  return reprlib.repr(value)
