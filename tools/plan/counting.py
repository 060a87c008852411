"""FLOPs and bytes of a compiled program, on each device.

The compiler's own counts leave out kernels and count loops once.
"""

from typing import NamedTuple

from tools.plan.flops import flops
from tools.plan.hlo import Program, executed
from tools.plan.traffic import moved


class Work(NamedTuple):
  """What a device does.

  Attributes:
    flops: Of products: of matrices, and those within kernels.
    moved: Bytes read from HBM and written to it.
  """

  flops: float
  moved: float


def work(program: Program) -> tuple[Work, Work]:
  """Of a call but for its steps, and of one step."""
  totals = {False: Work(0.0, 0.0), True: Work(0.0, 0.0)}
  for one in executed(program):
    done = totals[one.stepping]
    totals[one.stepping] = Work(
      done.flops + one.times * flops(one),
      done.moved + one.times * (0 if one.fused else moved(program, one)),
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
