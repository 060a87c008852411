"""A program compiled for devices that need not be there, and measured."""

import dataclasses
import math
import re
import time
from typing import Any

import jax

from rrm_jax.model.kv_cache import KVCache
from tools.plan import counting, hlo
from tools.plan.collectives import Collective, collectives


@dataclasses.dataclass(frozen=True)
class Measured:
  """A compiled program; sizes are bytes on each device.

  Attributes:
    seconds: To lower and compile it.
    arguments: All that it is given.
    temp: What it needs beside arguments and results.
    aliased: Results that take the place of arguments.
    peak: The most it holds at a time.
    cache: The engine's KV cache, if it is among the arguments.
    copied: Of its keys and values, in the program or in one of its steps.
    call: What a call does but for its steps.
    step: What one does.
    sent: Between devices.
  """

  seconds: float
  arguments: int
  temp: int
  aliased: int
  peak: int
  cache: int
  copied: int
  call: counting.Work
  step: counting.Work
  sent: tuple[Collective, ...]

  @property
  def in_place(self) -> bool:
    """Whether the cache is written where it lies: no second one."""
    return self.aliased >= self.cache and not self.copied


class TooLarge(ValueError):
  """Programs do not fit the memory of the devices."""


def measured(
  name: str,
  lowered: jax.stages.Lowered,
  devices: int,
  cache: KVCache | None = None,
) -> Measured:
  """Compiles a program.

  Args:
    name: It is called so if it does not fit.
    lowered: The program.
    devices: It is for so many.
    cache: The engine's, if it is among the arguments.

  Raises:
    TooLarge: it does not fit the devices' memory.
  """
  begun = time.perf_counter()
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    raise refused(name, error) from error
  seconds = time.perf_counter() - begun
  memory, text = compiled.memory_analysis(), compiled.as_text()
  assert memory is not None and text is not None, "this backend tells nothing"
  program = hlo.parsed(text)
  held = jax.tree.leaves((cache.keys, cache.values) if cache else ())
  call, step = counting.work(program)
  return Measured(
    seconds=seconds,
    arguments=memory.argument_size_in_bytes,
    temp=memory.temp_size_in_bytes,
    aliased=memory.alias_size_in_bytes,
    peak=memory.peak_memory_in_bytes,
    cache=local_size(cache),
    copied=counting.copied(program, set(map(_named, held))),
    call=call,
    step=step,
    sent=tuple(collectives(program, devices)),
  )


def refused(name: str, error: jax.errors.JaxRuntimeError) -> Exception:
  """The compiler's refusal, in one line; another error of it as it is."""
  found = re.search(
    r"\(([\d.]+)([KMGT])\) exceeds available HBM \(([\d.]+)([KMGT])\)",
    str(error),
  )
  if not found:
    return error
  needed, limit = (
    float(found[i]) * 2.0 ** (10 * ("KMGT".index(found[i + 1]) - 2))
    for i in (1, 3)
  )
  return TooLarge(
    f"{name} alone needs {needed:.2f} GiB on each chip, which has {limit:.2f}"
  )


def local_size(tree: Any) -> int:
  """Bytes on each device, without what tiles pad."""
  return sum(
    math.prod(_local_shape(x)) * x.dtype.itemsize for x in jax.tree.leaves(tree)
  )


def _named(x: jax.ShapeDtypeStruct) -> str:
  """Its part on each device, as a program's text names it."""
  names = {"bfloat16": "bf16", "float32": "f32", "int8": "s8"}
  return str(hlo.Array(names[str(x.dtype)], _local_shape(x)))


def _local_shape(x: jax.ShapeDtypeStruct) -> tuple[int, ...]:
  assert x.sharding is not None
  return x.sharding.shard_shape(x.shape)
