"""FLOPs of one operation of a compiled program, on each device."""

import functools
import math
import re
from collections.abc import Callable

from tools.plan.hlo import Computation, Executed, Operation


def flops(one: Executed) -> float:
  """Of products: of matrices, and those within kernels."""
  operation, among = one.operation, one.among
  if operation.opcode == "dot":
    (out,), left = operation.arrays, operation.given(among, 0)
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


def _convolution(operation: Operation, among: Computation) -> float:
  """Products of matrices are written so for TPUs, batches as space.

  Counted are the pairs of an input and a weight, without what pads.
  """
  labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", operation.attributes)
  assert labels, operation
  left, right = (operation.given(among, i) for i in (0, 1))
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
