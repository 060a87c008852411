"""Rows of comparisons and candidates under names that others give to fields.

Files of preferences differ in names more than in what they say. What is known
here is renamed; where two fields could be meant, the row is refused, since to
take one would lose the other in silence.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_ASKED = frozenset({"query", "conversation", "prompt"})
_TASKS = ("question", "instruction", "input")
_TURNS = ("messages", "context", "conversation_input")
# Two answers in the order in which they are shown.
_PLACED = (
  ("response1", "response2"),
  ("response_a", "response_b"),
  ("response_A", "response_B"),
  ("output_1", "output_2"),
  ("answer_a", "answer_b"),
  ("completion_a", "completion_b"),
)
_OURS = ("response_1", "response_2")
_LABELS = ("winner", "preference")
_CANDIDATES = ("responses", "completions", "generations")
_FIRST = frozenset({"1", "a", "a>b", "model_a"})
_SECOND = frozenset({"2", "b", "b>a", "model_b"})
_NEITHER = frozenset({"tie", "a=b", "tie(bothbad)"})


def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
  """A row with the field names of `readers`, which come before all others.

  What is asked may be `question`, `instruction` (with the `input` that belongs
  to it, below a blank line) or `input`; the turns before the answers
  `messages`, `context` or `conversation_input`. Answers may be `accepted` and
  `rejected`, or one of the pairs such as `response_a` and `response_b`. A
  `label`, also named `winner` or `preference`, may be a text: "1", "A", "A>B",
  "model_a", or the name of an answer's field; "tie" is no label.

  Raises:
    ValueError: two fields could be the query, the answers or the label.
  """
  found = dict(row)
  _rename_query(found)
  _rename(found, "chosen", ["accepted"])
  _rename(found, "rejected", ["reject"])
  names = _OURS
  if not set(_OURS) & set(found):
    names = _rename_placed(found)
  if set(_OURS) <= set(found):
    _rename(found, "label", _LABELS)
    if isinstance(found.get("label"), str):
      found["label"] = _label(found["label"], names)
  return found


def renamed_candidates(row: Mapping[str, Any]) -> dict[str, Any]:
  """A row with the field names of `candidates`, which come before all others.

  What is asked may have the names that `renamed` knows, and `problem`; the
  candidates may be `responses`, `completions` or `generations`.

  Raises:
    ValueError: two fields could be the query or the candidates.
  """
  found = dict(row)
  _rename_query(found)
  if not _ASKED & set(found):
    _rename(found, "query", ["problem"])
  _rename(found, "candidates", _CANDIDATES)
  return found


def _rename_query(found: dict[str, Any]) -> None:
  if _ASKED & set(found):
    return
  belongs = found.get("input")
  if isinstance(found.get("instruction"), str) and (
    belongs is None or isinstance(belongs, str)
  ):
    parts = [found["instruction"], found.pop("input", None)]
    found["instruction"] = "\n\n".join(filter(None, parts))
  _rename(found, "query", _TASKS)
  lists = [name for name in _TURNS if isinstance(found.get(name), list)]
  # Answers that are lists of turns bring the turns before them along.
  if "query" not in found and not isinstance(found.get("chosen"), list):
    _rename(found, "conversation", lists)


def _rename_placed(found: dict[str, Any]) -> tuple[str, str]:
  there = [pair for pair in _PLACED if set(pair) <= set(found)]
  if len(there) > 1:
    _refuse([" and ".join(pair) for pair in there], "the responses")
  if not there or {"chosen", "rejected"} & set(found):
    return _OURS
  for ours, theirs in zip(_OURS, there[0], strict=True):
    found[ours] = found.pop(theirs)
  return there[0]


def _rename(found: dict[str, Any], ours: str, theirs: Iterable[str]) -> None:
  there = [name for name in theirs if name in found]
  if ours in found or not there:
    return
  if len(there) > 1:
    _refuse(there, f"the {ours}")
  found[ours] = found.pop(there[0])


def _label(said: str, names: tuple[str, str]) -> int | str | None:
  """1, 2, None for a tie; or what was said, which means nothing here."""
  plain = said.strip().lower().replace(" ", "")
  for place, name in enumerate(names, start=1):
    if said == name:
      return place
  if plain in _FIRST:
    return 1
  if plain in _SECOND:
    return 2
  return None if plain in _NEITHER else said


def _refuse(names: list[str], what: str) -> None:
  raise ValueError(
    f"the row has {' and '.join(names)}, each of which could be {what}; rename "
    "the one that is: `query`, `response_1` and `response_2`, or `label`"
  )
