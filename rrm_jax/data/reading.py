"""From files to comparisons, with a count of all that was out of the way.

Nothing is dropped or changed in silence: a bad row refuses its file by name,
and what a published set is known to hold (booleans for texts, empty answers,
ties) is read as its protocol has it, and counted in the notes.
"""

import collections
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import (
  Any,
  Generic,
  NamedTuple,
  Protocol,
  TypeVar,
  runtime_checkable,
)

from rrm_jax.data import jsonl, readers, rows
from rrm_jax.records import Comparison

# How often something was met, by what it is, in words for a person.
Notes = collections.Counter[str]

# Fewer labels than these are the same by chance often enough.
_FEW_LABELS = 10


@runtime_checkable
class Named(Protocol):
  """Whatever has a name for ever."""

  @property
  def uid(self) -> str:
    """The name."""


Item = TypeVar("Item", bound=Named)


class Row(NamedTuple):
  """One row of a set.

  Attributes:
    place: In the set, from 0, over all of its files.
    values: By field.
    source: File and line, or file and place.
  """

  place: int
  values: Mapping[str, Any]
  source: str

  def require(self, fields: Sequence[str]) -> None:
    """Refuses a row without some fields.

    Raises:
      ValueError: fields are missing; the message names them and those there.
    """
    missing = [name for name in fields if name not in self.values]
    if missing:
      raise ValueError(
        f"the row has no field {', '.join(missing)}; it has "
        f"{', '.join(self.values) or 'none'}. Either this is a file of another "
        "set, or the set was published anew with other fields"
      )

  def one_of(self, first: str, second: str) -> str:
    """Which of two fields the row has.

    Raises:
      ValueError: it has neither, or both.
    """
    found = [name for name in (first, second) if name in self.values]
    if len(found) != 1:
      raise ValueError(
        f"the row has {'both' if found else 'neither'} of {first} and "
        f"{second}; give one of them"
      )
    return found[0]

  def text(self, name: str, *inner: str) -> str:
    """A field that is a text, or one within the field.

    Raises:
      ValueError: it is not.
    """
    found = self.values[name]
    for key in inner:
      if not isinstance(found, dict) or key not in found:
        raise ValueError(f"{name}={_shown(found)} must have {key!r}")
      found = found[key]
    if not isinstance(found, str):
      path = ".".join([name, *inner])
      raise ValueError(f"{path}={_shown(found)} must be a text")
    return found

  def texts(self, name: str, count: int | None = None) -> list[str]:
    """A field that is a list of texts.

    Raises:
      ValueError: it is not, or not of that length.
    """
    found = self.values[name]
    if not isinstance(found, list) or not all(
      isinstance(text, str) for text in found
    ):
      raise ValueError(f"{name}={_shown(found)} must be a list of texts")
    if count is not None and len(found) != count:
      raise ValueError(f"{name} has {len(found)} texts, must have {count}")
    return found


@dataclasses.dataclass(frozen=True)
class Reading(Generic[Item]):
  """What was read.

  Attributes:
    items: In the order of the files.
    notes: What was met that one should know of, and how often.
  """

  items: list[Item]
  notes: Notes


def gather(
  files: Sequence[Path],
  fields: Sequence[str],
  make: Callable[[Row, Notes], Iterable[Item]],
) -> Reading[Item]:
  """Reads files of one set.

  Args:
    files: In the order in which their items shall be.
    fields: What each row must have.
    make: Turns a row into items, none of them named as one before. It counts
      what it leaves out or changes, and raises a ValueError about a bad row.

  Raises:
    ValueError: a file cannot be read, or has bad rows or none; the message
      names up to ten rows with what is wrong.
  """
  items: list[Item] = []
  notes = Notes()
  sources: dict[str, str] = {}
  total = 0
  for path in files:
    problems: list[str] = []
    before = total
    for values, source in rows.read(path):
      row = Row(total, values, source)
      total += 1
      try:
        row.require(fields)
        for item in make(row, notes):
          _require_new(item.uid, source, sources)
          items.append(item)
      except ValueError as error:
        problems.append(f"{source}: {error}")
    jsonl.raise_problems(path, problems, total - before)
  return Reading(items, notes)


def joined(readings: Iterable[Reading[Item]]) -> Reading[Item]:
  """Several readings as one, in their order."""
  items: list[Item] = []
  notes = Notes()
  for one in readings:
    items += one.items
    notes += one.notes
  return Reading(items, notes)


def comparison(
  row: Row, uid: str, notes: Notes, fields: Mapping[str, Any]
) -> Comparison:
  """A comparison of a published row.

  An answer may be empty, which is counted: it is as published.

  Args:
    row: Where it is from.
    uid: Its name.
    notes: Where to count.
    fields: As a row of `readers` has them: query or conversation, chosen and
      rejected or response_1, response_2 and label, subset.

  Raises:
    ValueError: a field makes no sense.
  """
  made = readers.comparison_from_row(
    {"id": uid, **fields}, uid, row.source, allow_empty=True
  )
  count_texts(made.responses, notes)
  return made


def count_texts(responses: Sequence[str], notes: Notes) -> None:
  """Counts answers that say nothing, and answers that are all one."""
  if not all(text.strip() for text in responses):
    notes["have an empty answer"] += 1
  if len(responses) > 1 and len(set(responses)) == 1:
    notes["have answers that are the same"] += 1


def count_repeats(comparisons: Sequence[Comparison], notes: Notes) -> None:
  """Counts comparisons of the same texts as one before, in either order."""
  seen = {(one.conversation, frozenset(one.responses)) for one in comparisons}
  if repeats := len(comparisons) - len(seen):
    notes["repeat the texts of another"] = repeats


def count_labels(comparisons: Sequence[Comparison], notes: Notes) -> None:
  """Counts what has no label, and labels that are all the same one."""
  labels = [one.label for one in comparisons if one.label is not None]
  if unlabelled := len(comparisons) - len(labels):
    notes["have no label"] = unlabelled
  if len(labels) >= _FEW_LABELS and len(set(labels)) == 1:
    notes[
      f"have the label {labels[0]}, as all do: a judge that always names that "
      "response is right on all"
    ] = len(labels)


def _require_new(uid: str, source: str, sources: dict[str, str]) -> None:
  if uid in sources:
    raise ValueError(
      f"its name {uid!r} is that of {sources[uid]} too; each needs its own"
    )
  sources[uid] = source


def _shown(value: Any) -> str:
  written = json.dumps(value, default=str)
  return written if len(written) < 60 else f"{written[:57]}..."
