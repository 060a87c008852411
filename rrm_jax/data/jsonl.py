"""What files of comparisons and of candidates share: lines and fields."""

import json
import reprlib
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rrm_jax import bad_rows
from rrm_jax.records import Candidates, Comparison, Message, Role

Record = typing.TypeVar("Record", Comparison, Candidates)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ROLES = typing.get_args(Role)


def read(path: Path, record: Callable[[Any, str, str], Record]) -> list[Record]:
  """Reads a whole JSONL file, or refuses it with a list of its bad rows.

  Rows without an `id` are named by file and line, so that they keep their name
  when the folder moves. Lines end at a line feed only: other separators may
  stand inside texts.

  Args:
    path: A file in UTF-8.
    record: Makes a record of a decoded row, a name for it if it has none, and
      where it came from.

  Raises:
    ValueError: the file cannot be read, has no rows, or has bad rows; the
      message names each with its line, up to ten of them.
  """
  found: list[Record] = []
  problems: list[str] = []
  seen: dict[str, int] = {}
  for line, raw in _lines(path):
    try:
      row = record(_parse(raw), f"{path.name}:{line}", f"{path}:{line}")
      first = seen.setdefault(row.uid, line)
      if first != line:
        raise ValueError(
          f"id {show(row.uid)} is that of line {first} too; each row needs its "
          "own"
        )
      found.append(row)
    except ValueError as error:
      problems.append(f"{path}:{line}: {error}")
  raise_problems(path, problems, len(problems) + len(found))
  return found


def raise_problems(path: Path, problems: list[str], num_rows: int) -> None:
  """Refuses a file with bad rows, or with none at all.

  Raises:
    ValueError: there are problems, or no rows.
  """
  if problems:
    raise ValueError(
      f"{len(problems)} of {num_rows} rows of {path} are bad; correct or "
      f"remove them:\n  {bad_rows.shown(problems)}"
    )
  if not num_rows:
    raise ValueError(f"{path} has no rows; give a file with some rows")


def check_object(row: Any, example: str) -> None:
  """Refuses a row that is no object.

  Raises:
    ValueError: it is none; the message shows the example.
  """
  if not isinstance(row, dict):
    raise ValueError(
      f"the row is {show(row)}, must be an object such as {example}"
    )


def uid(row: dict, default: str) -> str:
  """The row's name, or a default.

  Raises:
    ValueError: `id` is neither a text nor a number.
  """
  found = row.get("id")
  if found is None:
    return default
  if type(found) is int:
    return str(found)
  return text(found, "id")


def subset(row: dict) -> str:
  """What the row counts towards, "" for none.

  Raises:
    ValueError: `subset` is no text.
  """
  found = row.get("subset")
  if not (found is None or isinstance(found, str)):
    raise ValueError(f"subset={show(found)} must be a text")
  return found or ""


def conversation(row: dict) -> tuple[Message, ...]:
  """The turns, the last of them the query.

  Raises:
    ValueError: `query` or `conversation` is missing or makes no sense.
  """
  if ("query" in row) == ("conversation" in row):
    raise ValueError(
      f"the row has {'both' if 'query' in row else 'neither'} of query and "
      "conversation; give one of them"
    )
  if "query" in row:
    return (Message("user", text(row["query"], "query")),)
  turns = row["conversation"]
  if not isinstance(turns, list) or not turns:
    raise ValueError(
      f"conversation={show(turns)} must be a list of "
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


def text(value: Any, name: str, allow_empty: bool = False) -> str:
  """A text that can be written down, not blank unless that is allowed.

  Raises:
    ValueError: it is none; the message gives its name.
  """
  if not isinstance(value, str):
    raise ValueError(f"{name}={show(value)} must be a text")
  if not (allow_empty or value.strip()):
    raise ValueError(f"{name}={show(value)} is empty; fill it in")
  try:
    value.encode()
  except UnicodeEncodeError as error:
    raise ValueError(
      f"{name} has half a surrogate pair, {value[error.start]!a}, as its "
      f"character {error.start + 1}, which is no text; remove it"
    ) from None
  return value


def show(value: Any) -> str:
  """A value as JSON would spell it, shortened."""
  if value is None or isinstance(value, bool):
    return json.dumps(value)
  return reprlib.repr(value)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
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


def _message(turn: Any, name: str) -> Message:
  if not isinstance(turn, dict):
    raise ValueError(
      f'{name}={show(turn)} must be an object {{"role": ..., "content": ...}}'
    )
  role = turn.get("role")
  if role not in _ROLES:
    raise ValueError(
      f"{name}.role={show(role)} must be one of {', '.join(_ROLES)}"
    )
  if "content" not in turn:
    raise ValueError(f"{name}.content is missing")
  return Message(
    typing.cast(Role, role), text(turn["content"], f"{name}.content")
  )
