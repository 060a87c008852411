"""Bytes that one operation of a compiled program reads from HBM and writes."""

from tools.plan.hlo import Array, Computation, Executed, Operation, Program

_NOTHING = (
  "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while",
  "conditional", "call", "after-all", "partition-id", "replica-id",
  "async-start", "opt-barrier",
)  # fmt: skip


def moved(program: Program, one: Executed) -> int:
  """Each array once; what kernels read again is left out."""
  operation, among = one.operation, one.among
  if operation.opcode in _NOTHING or operation.opcode.endswith("-done"):
    return 0
  if 'custom_call_target="AllocateBuffer"' in operation.attributes:
    return 0
  if operation.opcode == "copy-start":
    return sum(x.size for x in operation.arrays[:2] if not x.near)
  read = sum(
    _read(program, operation, among, i, array)
    for i, name in enumerate(operation.operands)
    for array in among[name].arrays
    if not array.near
  )
  return read + _written(program, operation, among)


def _read(
  program: Program,
  operation: Operation,
  among: Computation,
  index: int,
  array: Array,
) -> int:
  """Of an operand: slices of stacks, such as a layer's, count as such."""
  part = _update(operation, among)
  if part and index == 0:
    return 0
  if operation.opcode in ("slice", "dynamic-slice", "gather") and index == 0:
    return operation.arrays[0].size
  if operation.opcode != "fusion":
    return array.size
  inner = program.computations[operation.called[0]]
  (given,) = (
    name
    for name, other in inner.items()
    if other.opcode == "parameter" and other.inside == str(index)
  )
  read = sum(
    _read(program, user, inner, place, array)
    for user, place in _uses(inner, given)
  )
  return min(array.size, read)


def _uses(among: Computation, name: str) -> list[tuple[Operation, int]]:
  found = []
  for operation in among.values():
    for place, operand in enumerate(operation.operands):
      if operand == name and operation.opcode == "bitcast":
        found += _uses(among, operation.name)
      elif operand == name:
        found.append((operation, place))
  return found


def _written(program: Program, operation: Operation, among: Computation) -> int:
  last = [operation]
  if operation.opcode == "fusion":
    among = program.computations[operation.called[0]]
    (root,) = (x for x in among.values() if x.root)
    last = [root]
    if root.opcode == "tuple":
      last = [among[name] for name in root.operands]
  parts = [_update(_behind(x, among), among) for x in last]
  if not any(parts):
    return sum(array.size for array in operation.arrays if not array.near)
  return sum(
    part.size if part else array.size
    for part, array in zip(parts, operation.arrays, strict=True)
    if not array.near
  )


def _behind(operation: Operation, among: Computation) -> Operation:
  """What a bitcast is of."""
  while operation.opcode == "bitcast":
    operation = among[operation.operands[0]]
  return operation


def _update(operation: Operation, among: Computation) -> Array | None:
  """What an operation puts into the array that it is given."""
  place = {"dynamic-update-slice": 1, "scatter": -1}.get(operation.opcode)
  return None if place is None else operation.given(among, place)
