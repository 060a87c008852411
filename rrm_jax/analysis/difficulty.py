"""How hard a comparison is, where its subset's name says so.

A subset whose name begins with a number, such as "07 terms", has that number
as its difficulty. Other names ("Chat", "Reasoning") have no order, and what
would need one is left out rather than read from the alphabet.
"""

import itertools
import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"(\d+)\s*(.*)")


def difficulty(subset: str) -> int | None:
  """The integer that the name begins with, None if it does not."""
  match = _NUMBERED.match(subset)
  return int(match[1]) if match else None


def unit(subsets: Iterable[str]) -> str:
  """What the numbers count: the rest of the names, "" where they differ."""
  rests = {match[2] if (match := _NUMBERED.match(s)) else "" for s in subsets}
  return rests.pop() if len(rests) == 1 else ""


def ordered(subsets: Iterable[str]) -> list[str]:
  """Distinct subsets, the numbered first and by number, others by name."""

  def key(subset: str) -> tuple[bool, int, str]:
    level = difficulty(subset)
    return (level is None, level or 0, subset)

  return sorted(set(subsets), key=key)


def groups(subsets: Iterable[str], parts: int = 3) -> dict[str, list[str]]:
  """Neighbouring subsets in `parts` groups of about equally many subsets.

  Returns:
    Subsets by the group's name, such as "1-5 terms", easiest first. Empty
    where some subset has no number, or there are fewer subsets than parts.
  """
  names = ordered(subsets)
  if len(names) < parts or any(difficulty(name) is None for name in names):
    return {}
  edges = [-(-len(names) * i // parts) for i in range(parts + 1)]
  split = [names[a:b] for a, b in itertools.pairwise(edges)]
  return {_span(part, unit(names)): part for part in split}


def _span(names: list[str], counted: str) -> str:
  low, high = difficulty(names[0]), difficulty(names[-1])
  numbers = str(low) if low == high else f"{low}-{high}"
  return f"{numbers} {counted}".rstrip()
