"""FLOPs and bytes of a compiled program, on each device.

The compiler's own counts leave out kernels and count loops once.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

from tools.plan.hlo import (
  Array,
  Computation,
  Executed,
  Operation,
  Program,
  executed,
)


class Work(NamedTuple):
  """What a device does.

  Attributes:
    flops: Of products: of matrices, and those within kernels.
    moved: Bytes read from HBM and written to it, each array of an operation
      once; what kernels read again is left out.
  """

  flops: float
  moved: float


def work(program: Program) -> tuple[Work, Work]:
  """Of a call but for its steps, and of one step."""
  totals = {False: Work(0.0, 0.0), True: Work(0.0, 0.0)}
  for one in executed(program):
    flops, moved = totals[one.stepping]
    totals[one.stepping] = Work(
      flops + one.times * _flops(one),
      moved + (0 if one.fused else one.times * _moved(program, one)),
    )
  return totals[False], totals[True]


def copied(program: Program, arrays: set[str]) -> int:
  """Bytes of what is copied of such arrays, in one call or in one step.

  Args:
    program: The program.
    arrays: As in its text, such as `bf16[24,16,2,2048,64]`.
  """
  return sum(
    array.size
    for one in executed(program)
    if one.operation.opcode in ("copy", "copy-start") and not one.fused
    for array in one.operation.arrays[:1]
    if str(array) in arrays
  )


def _flops(one: Executed) -> float:
  operation, among = one.operation, one.among
  if operation.opcode == "dot":
    (out,), left = operation.arrays, _given(operation, among, 0)
    found = re.search(
      r"lhs_contracting_dims=\{([\d,]*)\}", operation.attributes
    )
    inner = filter(None, found[1].split(",")) if found else ()
    return (
      2.0 * math.prod(out.shape) * math.prod(left.shape[int(i)] for i in inner)
    )
  if operation.opcode == "convolution":
    return _convolution(operation, among)
  if 'custom_call_target="tpu_custom_call"' in operation.attributes:
    return _kernel(operation, among)
  return 0.0


def _given(operation: Operation, among: Computation, index: int) -> Array:
  return among[operation.operands[index]].arrays[0]


def _convolution(operation: Operation, among: Computation) -> float:
  """Products of matrices are written so for TPUs, batches as space.

  Counted are the pairs of an input and a weight, without what pads.
  """
  labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", operation.attributes)
  assert labels, operation
  left, right = (_given(operation, among, i) for i in (0, 1))
  sizes = [
    dict(zip(names, array.shape, strict=True))
    for names, array in zip(
      labels.groups(), (left, right, operation.arrays[0]), strict=True
    )
  ]
  window = _window(operation.attributes)
  pairs = math.prod(
    _pairs(sizes[0][axis], sizes[1][axis], sizes[2][axis], *window(int(axis)))
    for axis in sizes[2]
    if axis.isdigit()
  )
  return 2.0 * sizes[2]["b"] * sizes[2]["f"] * sizes[1]["i"] * pairs


def _window(attributes: str) -> Callable[[int], tuple[int, int, int, int]]:
  """Of an axis its stride, lower padding, and both dilations."""
  found = re.search(r"window=\{([^}]*)\}", attributes)
  fields = dict(x.split("=") for x in found[1].split()) if found else {}

  def of(axis: int) -> tuple[int, int, int, int]:
    def field(name: str, other: str) -> str:
      return fields[name].split("x")[axis] if name in fields else other

    return (
      int(field("stride", "1")),
      int(field("pad", "0_0").split("_")[0]),
      int(field("lhs_dilate", "1")),
      int(field("rhs_dilate", "1")),
    )

  return of


@functools.cache
def _pairs(
  inputs: int,
  weights: int,
  outputs: int,
  stride: int,
  pad: int,
  spread: int,
  reach: int,
) -> int:
  """How many weights meet an input, over all outputs along an axis."""
  end = (inputs - 1) * spread + 1
  return sum(
    0 <= place < end and place % spread == 0
    for out in range(outputs)
    for weight in range(weights)
    for place in [out * stride + weight * reach - pad]
  )


# Products over all pairs of a query and a key that it sees.
_PRODUCTS = {"fwd": 2, "dq": 3, "dkv": 4}


def _kernel(operation: Operation, among: Computation) -> float:
  """Splash attention's; blocks that no query sees are skipped."""
  kind = re.search(r"splash_\w*?_(fwd|dq|dkv)", operation.name)
  assert kind, f"a kernel whose FLOPs are not known: {operation.name}"
  rows = [
    array
    for name in operation.operands
    for array in among[name].arrays
    if array.dtype in ("bf16", "f32")
  ]
  (*heads, queries, dim), keys = rows[0].shape, rows[1].shape[-2]
  seen = queries * (keys - queries) + queries**2 / 2
  return _PRODUCTS[kind[1]] * 2.0 * math.prod(heads) * dim * seen


_NOTHING = (
  "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while",
  "conditional", "call", "after-all", "partition-id", "replica-id",
  "async-start", "opt-barrier",
)  # fmt: skip


def _moved(program: Program, one: Executed) -> int:
  """Bytes that an operation reads and writes."""
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
  return None if place is None else _given(operation, among, place)
