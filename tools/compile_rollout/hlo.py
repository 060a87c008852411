"""What a compiled program sends and copies, read from its text.

Operations in the body of a loop count as often as the loop turns. A loop whose
turns depend on data (decoding: until rows have stopped) counts as one turn,
and its operations are marked as those of a step.
"""

import dataclasses
import re
from collections.abc import Iterator

KINDS = (
  "all-gather",
  "all-reduce",
  "reduce-scatter",
  "all-to-all",
  "ragged-all-to-all",
  "collective-permute",
  "collective-broadcast",
)
_BITS = {"pred": 8, "bf16": 16, "c64": 64, "c128": 128}
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\]")
_NAME = r"%[^\s{}()=,]+"
_CALLED = re.compile(
  r"\b(?:calls|to_apply|body|branch_computations|true_computation"
  rf"|false_computation|called_computations)=\{{?({_NAME}(?:, {_NAME})*)"
)


@dataclasses.dataclass(frozen=True)
class Operation:
  """A line of a program: `name = type opcode(...), attributes`."""

  type: str
  opcode: str
  rest: str


@dataclasses.dataclass(frozen=True)
class Collective:
  """An operation between devices.

  Attributes:
    kind: One of `KINDS`.
    arrays: What each device has afterwards, such as `bf16[896,64]`.
    size: Of that in bytes, on each device.
    times: How often it is done, in one step where `stepping`.
    stepping: Whether it is in a loop that turns until the data says so.
  """

  kind: str
  arrays: tuple[str, ...]
  size: int
  times: int
  stepping: bool


def collectives(text: str) -> list[Collective]:
  """All collectives of a program.

  Args:
    text: As `jax.stages.Compiled.as_text` gives it.
  """
  computations, entry = parsed(text)
  return list(_walk(computations, entry, 1, False))


def copied(text: str, arrays: set[str]) -> int:
  """Bytes of what is copied of such arrays, in one call or in one step.

  Args:
    text: As `jax.stages.Compiled.as_text` gives it.
    arrays: As in the text, such as `bf16[24,16,2,2048,64]`.
  """
  computations, _ = parsed(text)
  fused = {  # what is copied inside a fusion is no buffer
    name
    for operations in computations.values()
    for operation in operations
    if operation.opcode == "fusion"
    for name in _CALLED.findall(operation.rest)
  }
  return sum(
    _size(array)
    for name, operations in computations.items()
    if name not in fused
    for operation in operations
    if operation.opcode in ("copy", "copy-start")
    for array in _arrays(operation)[:1]
    if array in arrays
  )


def parsed(text: str) -> tuple[dict[str, list[Operation]], str]:
  """The operations of each computation by its name, and where it begins."""
  computations: dict[str, list[Operation]] = {}
  entry, current = "", None
  for line in text.splitlines():
    begun = re.match(r"(ENTRY )?(%[^\s(]+) \(.*\{$", line)
    if begun:
      current = computations.setdefault(begun[2], [])
      entry = begun[2] if begun[1] else entry
    elif current is not None and " = " in line:
      current.append(_operation(line.split(" = ", 1)[1]))
  assert entry, "the text has no entry computation"
  return computations, entry


def _operation(text: str) -> Operation:
  end = _tuple_end(text) if text.startswith("(") else text.index(" ")
  opcode, _, rest = text[end:].strip().partition("(")
  return Operation(text[:end], opcode, rest)


def _tuple_end(text: str) -> int:
  depth = 0
  for i, character in enumerate(text):
    depth += (character == "(") - (character == ")")
    if not depth:
      return i + 1
  raise AssertionError(f"unbalanced: {text}")


def _walk(
  computations: dict[str, list[Operation]],
  name: str,
  times: int,
  stepping: bool,
) -> Iterator[Collective]:
  for operation in computations[name]:
    kind = operation.opcode.removesuffix("-start")
    if kind in KINDS:
      arrays = _received(operation)
      size = sum(map(_size, arrays))
      yield Collective(kind, arrays, size, times, stepping)
      continue
    turns: int | None = 1
    if operation.opcode == "while":
      turns = _turns(computations, operation)
    for found in _CALLED.findall(operation.rest):
      for called in found.split(", "):
        yield from _walk(
          computations, called, times * (turns or 1), stepping or not turns
        )


def _received(operation: Operation) -> tuple[str, ...]:
  """What an operation results in, without what it was given."""
  arrays = _arrays(operation)
  if operation.opcode == "all-gather-start":
    return arrays[len(arrays) // 2 :]
  if operation.opcode == "collective-permute-start":
    return arrays[1:2]
  return arrays


def _arrays(operation: Operation) -> tuple[str, ...]:
  found = _ARRAY.findall(operation.type)
  return tuple(f"{dtype}[{shape}]" for dtype, shape in found)


def _size(array: str) -> int:
  """Bytes of `bf16[896,64]`."""
  dtype, _, shape = array.rstrip("]").partition("[")
  digits = re.search(r"\d+", dtype)
  bits = _BITS.get(dtype) or (int(digits[0]) if digits else 0)
  elements = 1
  for size in filter(None, shape.split(",")):
    elements *= int(size)
  return elements * bits // 8


def _turns(
  computations: dict[str, list[Operation]], loop: Operation
) -> int | None:
  """How often a loop turns; None if its data says so.

  A loop over layers compares its counter with a constant, and nothing else.
  """
  known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop.rest)
  if known:
    return int(known[1])
  condition = re.search(r"condition=(%[^\s,]+)", loop.rest)
  assert condition, loop
  operations = list(_flat(computations, condition[1]))
  compared = [o for o in operations if o.opcode == "compare"]
  bounds = [
    o.rest.split(")")[0]
    for o in operations
    if o.opcode == "constant" and o.type.startswith("s32[]")
  ]
  simple = len(compared) == 1 and "direction=LT" in compared[0].rest
  return int(bounds[0]) if simple and len(bounds) == 1 else None


def _flat(
  computations: dict[str, list[Operation]], name: str
) -> Iterator[Operation]:
  for operation in computations[name]:
    yield operation
    for found in _CALLED.findall(operation.rest):
      for called in found.split(", "):
        yield from _flat(computations, called)
