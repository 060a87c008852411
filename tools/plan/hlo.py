"""A compiled program, read from its text: what is done, and how often.

Operations in the body of a loop count as often as the loop turns. A loop whose
turns depend on data (decoding: until rows have stopped) counts as one turn,
and its operations are marked as those of a step.
"""

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

_BITS = {"pred": 8, "bf16": 16, "c64": 64, "c128": 128}
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\](?:\{([^}]*)\})?")
_NAME = r"%[^\s{}()=,]+"
_CALLED = re.compile(
  r"\b(?:calls|to_apply|body|branch_computations|true_computation"
  rf"|false_computation|called_computations)=\{{?({_NAME}(?:, {_NAME})*)"
)


class Array(NamedTuple):
  """What an operation gives or takes, on each device.

  Attributes:
    dtype: Such as "bf16".
    shape: Its dimensions.
    near: Whether it lies beside the arithmetic units, not in HBM.
  """

  dtype: str
  shape: tuple[int, ...]
  near: bool = False

  def __str__(self) -> str:
    return f"{self.dtype}[{','.join(map(str, self.shape))}]"

  @property
  def size(self) -> int:
    """In bytes, without what tiles pad."""
    digits = re.search(r"\d+", self.dtype)
    bits = _BITS.get(self.dtype) or (int(digits[0]) if digits else 0)
    return math.prod(self.shape) * bits // 8


@dataclasses.dataclass(frozen=True)
class Operation:
  """A line of a program: `name = type opcode(operands), attributes`."""

  name: str
  type: str
  opcode: str
  inside: str
  attributes: str
  root: bool

  @property
  def arrays(self) -> list[Array]:
    """What it results in."""
    return [
      Array(dtype, tuple(map(int, filter(None, shape.split(",")))), "S(" in cut)
      for dtype, shape, cut in _ARRAY.findall(self.type)
    ]

  @property
  def operands(self) -> list[str]:
    """The names of what it is given."""
    return re.findall(_NAME, self.inside)

  def given(self, among: "Computation", index: int) -> Array:
    """An operand, among the operations of its computation."""
    return among[self.operands[index]].arrays[0]

  @property
  def called(self) -> list[str]:
    """The computations that it runs, but a loop's condition."""
    found = _CALLED.findall(self.attributes)
    return [name for names in found for name in names.split(", ")]

  @property
  def source(self) -> str:
    """Where the model says so: named scopes, and the primitive."""
    found = re.search(r'op_name="([^"]*)"', self.attributes)
    parts = found[1].split("/")[1:] if found else []
    loops = ("while", "body", "closed_call", "checkpoint", "shard_map")
    return "/".join(part for part in parts if part not in loops)


Computation = dict[str, Operation]


class Program(NamedTuple):
  """Operations by their names, of computations by theirs."""

  computations: dict[str, Computation]
  entry: str


class Executed(NamedTuple):
  """An operation as it is run.

  Attributes:
    operation: It.
    among: The operations of its computation.
    times: How often it is run, in one step where `stepping`.
    stepping: Whether it is in a loop that turns until the data says so.
    fused: Whether it is a part of another, so its arrays are in no memory.
  """

  operation: Operation
  among: Computation
  times: int
  stepping: bool
  fused: bool


def parsed(text: str) -> Program:
  """A program from what `jax.stages.Compiled.as_text` gives."""
  computations: dict[str, Computation] = {}
  entry, current = "", None
  for line in text.splitlines():
    begun = re.match(r"(ENTRY )?(%[^\s(]+) \(.*\{$", line)
    if begun:
      current = computations.setdefault(begun[2], {})
      entry = begun[2] if begun[1] else entry
    elif current is not None and " = " in line:
      operation = _operation(line.strip())
      current[operation.name] = operation
  assert entry, "the text has no entry computation"
  return Program(computations, entry)


def _operation(line: str) -> Operation:
  left, text = line.split(" = ", 1)
  end = _closing(text) if text.startswith("(") else text.index(" ")
  opcode, _, _ = text[end:].strip().partition("(")
  opened = text.index("(", end)
  closed = opened + _closing(text[opened:])
  return Operation(
    name=left.removeprefix("ROOT "),
    type=text[:end],
    opcode=opcode,
    inside=text[opened + 1 : closed - 1],
    attributes=text[closed:],
    root=left.startswith("ROOT "),
  )


def _closing(text: str) -> int:
  """Where the parenthesis that the text begins with has ended."""
  depth = 0
  for i, character in enumerate(text):
    depth += (character == "(") - (character == ")")
    if not depth:
      return i + 1
  raise AssertionError(f"unbalanced: {text}")


def executed(program: Program) -> Iterator[Executed]:
  """Every operation that a call runs."""
  return _walk(program.computations, program.entry, 1, False, False)


def _walk(
  computations: dict[str, Computation],
  name: str,
  times: int,
  stepping: bool,
  fused: bool,
) -> Iterator[Executed]:
  among = computations[name]
  for operation in among.values():
    yield Executed(operation, among, times, stepping, fused)
    turns: int | None = 1
    if operation.opcode == "while":
      turns = _turns(computations, operation)
    within = fused or operation.opcode not in _CALLING
    for called in operation.called:
      yield from _walk(
        computations,
        called,
        times * (turns or 1),
        stepping or not turns,
        within,
      )


# The computations of others say what is done to each element.
_CALLING = ("while", "call", "conditional", "async-start")


def _turns(computations: dict[str, Computation], loop: Operation) -> int | None:
  """How often a loop turns; None if its data says so.

  A loop over layers compares its counter, which begins at 0, with a constant,
  and nothing else. Where the compiler has unrolled it, it counts by twos.
  """
  known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop.attributes)
  if known:
    return int(known[1])
  condition = re.search(r"condition=(%[^\s,]+)", loop.attributes)
  assert condition, loop
  operations = [
    one.operation for one in _walk(computations, condition[1], 1, False, False)
  ]
  compared = [o for o in operations if o.opcode == "compare"]
  bounds = [int(o.inside) for o in operations if _whole(o)]
  simple = len(compared) == 1 and "direction=LT" in compared[0].attributes
  if not simple or len(bounds) != 1:
    return None
  places = [_place(o) for o in operations if o.opcode == "get-tuple-element"]
  stride = _stride(computations[loop.called[0]], places[0])
  return -(-bounds[0] // stride) if stride else None


def _whole(operation: Operation) -> bool:
  """Whether it is a constant that may bound a counter, or be added to it."""
  return operation.opcode == "constant" and operation.type.startswith(
    ("s32[]", "u32[]")
  )


def _place(operation: Operation) -> int:
  found = re.search(r"index=(\d+)", operation.attributes)
  assert found, operation
  return int(found[1])


def _stride(body: Computation, place: int) -> int:
  """What a loop's body adds to its counter; 0 if it does something else."""
  (root,) = (o for o in body.values() if o.root)
  new = body[root.operands[place]]
  while new.opcode == "copy":
    new = body[new.operands[0]]
  if new.opcode != "add":
    return 0
  given = [body[name] for name in new.operands]
  return sum(int(o.inside) for o in given if _whole(o))
