"""How a compiled program's time is spent, by parts of the model.

The parts' milliseconds are those of the operations, of which several may run
at a time; what is left of the wall time is between them.
"""

import collections
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import jax

# The first pattern that is in an operation's name says which part it is of.
PARTS = (
  ("draw", r"/draw/"),
  ("log-probabilities", r"\blogprobs\b"),
  ("optimizer", r"\boptimizer\b"),
  ("projections", r"/(q|k|v|o)/"),
  ("feed-forward", r"/mlp/"),
  ("attention", r"/attention/"),
  ("unembedding", r"dot_general"),
)


def part_of(scope: str) -> str:
  """The part of an operation, by where in the source it comes from."""
  found = (name for name, pattern in PARTS if re.search(pattern, scope))
  return next(found, "rest")


def scopes(text: str) -> dict[str, str]:
  """Where each operation of a compiled program comes from, by its name."""
  return dict(re.findall(r'%?([\w.-]+) = .*op_name="([^"]*)"', text))


def by_part(run: Callable[[], object], text: str) -> Mapping[str, float]:
  """Milliseconds of the operations of each part while `run` runs.

  Args:
    run: Runs the program once, to its end; compiled before.
    text: The compiled program.
  """
  names = scopes(text)
  found: collections.Counter[str] = collections.Counter()
  with tempfile.TemporaryDirectory() as place:
    with jax.profiler.trace(place):
      run()
    (file,) = Path(place).rglob("*.xplane.pb")
    for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
      for line in plane.lines:
        for event in line.events:
          operation = dict(event.stats).get("hlo_op")
          # What holds other operations is not counted beside them.
          if operation is None or str(operation).startswith(("while", "call")):
            continue
          part = part_of(names.get(str(operation), ""))
          found[part] += event.duration_ns / 1e6
  return found


def table(parts: Mapping[str, float]) -> str:
  """Lines of parts, the longest first, with their share."""
  total = sum(parts.values())
  return "\n".join(
    f"{spent:9.2f} ms {spent / total:5.0%}  {name}"
    for name, spent in sorted(parts.items(), key=lambda x: -x[1])
  )
