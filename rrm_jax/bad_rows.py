"""What is wrong with a file's rows, no longer than a person can take in."""

from collections.abc import Sequence

_SHOWN = 10


def shown(problems: Sequence[str]) -> str:
  """The first ten problems, a line each, and how many more there are."""
  lines = list(problems[:_SHOWN])
  if len(problems) > _SHOWN:
    lines.append(f"and {len(problems) - _SHOWN} more")
  return "\n  ".join(lines)
