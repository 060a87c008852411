"""What a compiled program sends between devices."""

import dataclasses
import re
from collections.abc import Iterable

from tools.plan.hlo import Array, Operation, Program, executed

KINDS = (
  "all-gather",
  "all-reduce",
  "reduce-scatter",
  "all-to-all",
  "ragged-all-to-all",
  "collective-permute",
  "collective-broadcast",
)


@dataclasses.dataclass(frozen=True)
class Collective:
  """An operation between devices.

  Attributes:
    kind: One of `KINDS`.
    arrays: What each device has afterwards.
    devices: That take part together.
    times: How often it is done, in one step where `stepping`.
    stepping: Whether it is in a loop that turns until the data says so.
    source: Where the model says so.
  """

  kind: str
  arrays: tuple[Array, ...]
  devices: int
  times: int
  stepping: bool
  source: str

  @property
  def received(self) -> float:
    """Bytes that a device receives each time, by the best known algorithm.

    A sum is scattered and then gathered: its size twice, but the own part.
    """
    size = sum(array.size for array in self.arrays)
    others = (self.devices - 1) / self.devices
    if self.kind == "all-reduce":
      return 2 * others * size
    if self.kind == "reduce-scatter":
      return (self.devices - 1) * size
    if self.kind.startswith("collective-"):
      return size
    return others * size


def collectives(program: Program, devices: int) -> list[Collective]:
  """All collectives of a program for so many devices."""
  return [
    Collective(
      kind,
      _results(one.operation),
      _together(one.operation, devices),
      one.times,
      one.stepping,
      one.operation.source,
    )
    for one in executed(program)
    if (kind := one.operation.opcode.removesuffix("-start")) in KINDS
  ]


def by_kind(items: Iterable[Collective]) -> dict[str, float]:
  """Bytes that a device receives in all, of each kind."""
  found: dict[str, float] = {}
  for one in items:
    found[one.kind] = found.get(one.kind, 0.0) + one.times * one.received
  return found


def _results(operation: Operation) -> tuple[Array, ...]:
  """What an operation results in, without what it was given."""
  arrays = tuple(operation.arrays)
  if operation.opcode == "all-gather-start":
    return arrays[len(arrays) // 2 :]
  if operation.opcode == "collective-permute-start":
    return arrays[1:2]
  return arrays


def _together(operation: Operation, devices: int) -> int:
  """`replica_groups={{0,1},{2,3}}` or `[2,2]<=[4]`; empty means all."""
  found = re.search(
    r"replica_groups=(?:\[\d+,(\d+)\]|\{\{([\d,]+)\})", operation.attributes
  )
  if not found:
    return devices
  return int(found[1]) if found[1] else len(found[2].split(","))
