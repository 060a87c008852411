"""Continuous batching: N requests through S slots.

In each round the host admits requests to idle slots (`schedule.py`), lets all
slots write until some are idle again (`decode.py`), and collects what they
wrote. What crosses between host and device is that and nothing else, small
and the same on every process of a pod, so all decide alike.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.model import qwen2
from rrm_jax.model.kv_cache import KVCache
from rrm_jax.ops.filters import Filters
from rrm_jax.sampling import decode
from rrm_jax.sampling import slots as slots_lib
from rrm_jax.sampling.budget import Script
from rrm_jax.sampling.completions import Completion, Round, joined
from rrm_jax.sampling.layouts import exchange_layout
from rrm_jax.sampling.schedule import (
  LEAST_COLUMNS,
  Admitted,
  Schedule,
  bucket,
  check,
  last_slots,
  slot_count,
)
from rrm_jax.sampling.schedule import Request as Request
from rrm_jax.sharding import Layout, fetch, put

# From all tokens that a request has written, and how many of them are new, to
# how many count once something in them ends it; None while nothing does.
Halt = Callable[[np.ndarray, int], int | None]


def stacked(layout: Layout) -> bool:
  """Whether sampling on these devices scans over the layers.

  On TPUs the compiler keeps the cache in place under the scan; elsewhere each
  layer's keys would be copied out of the stack at every step.
  """
  return layout.platform == "tpu"


@functools.partial(jax.jit, static_argnames=("cfg", "layout"))
def prepared(params: Params, *, cfg: config.Model, layout: Layout) -> Params:
  """The rollout copy: compute dtype, the engine's layout and form.

  Args:
    params: In any layout of the same mesh, such as the one of training.
    cfg: The model's shape.
    layout: The engine's; see `layouts.decode_layout`.
  """
  # The barrier has the cast done first: what is gathered is half as much.
  cast = jax.lax.optimization_barrier(
    jax.tree.map(lambda x: x.astype(cfg.compute_dtype), params)
  )
  axes, cut = qwen2.logical_axes(cfg), cast
  for over in (exchange_layout(layout), layout):
    cut = jax.tree.map(lambda x, a, to=over: to.constrain(x, *a), cut, axes)
  if stacked(layout):
    return cut
  return qwen2.unstacked(cut, cfg, transpose=layout.platform == "cpu")


@dataclasses.dataclass(frozen=True)
class Engine:
  """A model ready to complete prompts.

  Attributes:
    params: As `prepared` makes them; others work, but not as fast.
    cfg: The model's shape.
    kept: What stands between logits and draw.
    script: What follows when a thinking budget ends.
    layout: How arrays are cut over devices.
    limits: How many slots, and when they are refilled.
    halt: Ends a request by what it has written, such as a stop string.
  """

  params: Params
  cfg: config.Model
  kept: Filters
  script: Script
  layout: Layout
  limits: config.Engine
  halt: Halt | None = None

  @property
  def stacked(self) -> bool:
    """Whether the parameters, and so the cache, are stacks of layers."""
    return not isinstance(self.params["layers"], tuple)

  def __call__(
    self, requests: Sequence[Request], key: jax.Array
  ) -> list[Completion]:
    """The completion of every request, in their order.

    Raises:
      ValueError: see `rounds`.
    """
    done: dict[int, Completion] = {}
    for one in self.rounds(requests, key):
      done |= one.finished
    return [done[number] for number in range(len(requests))]

  def rounds(
    self, requests: Sequence[Request], key: jax.Array
  ) -> Iterator[Round]:
    """Completes the requests, telling of every round.

    What a request becomes depends on (key, prompt, sample, position) and on
    no other request, slot or refill.

    Raises:
      ValueError: a request cannot be served, or its logits are not finite.
    """
    for number, request in enumerate(requests):
      check(number, request, self.cfg, len(self.script.tokens))
    if requests:
      yield from _Session(self, requests, key).rounds()


class _Session:
  """The requests of one call, on their way through the slots."""

  def __init__(
    self, engine: Engine, requests: Sequence[Request], key: jax.Array
  ):
    self._engine = engine
    self._key = key
    parts = engine.layout.batch_parts
    self._slots = slot_count(engine.limits, len(requests), parts)
    over = engine.layout
    one_cpu = over.platform == "cpu" and over.mesh.size == 1
    self._last_slots = last_slots(engine.limits, self._slots, one_cpu)
    self._schedule = Schedule(requests, self._slots, parts)
    longest = max(len(r.tokens) + r.max_new_tokens for r in requests)
    self._columns = bucket(max(longest, LEAST_COLUMNS))
    self._script = put(engine.script, engine.layout.replicated)
    self._remaining = len(requests)
    self._written: dict[int, list[Completion]] = {}
    self._last = np.zeros(self._slots, int)
    self._prompts: KVCache | None = None
    self._state = slots_lib.idle_slots(
      cfg=engine.cfg,
      slots=self._slots,
      columns=self._columns,
      stacked=engine.stacked,
      layout=engine.layout,
      stored=engine.limits.kv_cache,
    )

  def rounds(self) -> Iterator[Round]:
    while not self._schedule.done:
      self._refill()
      self._draw_together()
      yield self._collect(fetch(self._decode()))

  def _draw_together(self) -> None:
    """Goes on with fewer slots once the last rows fit into them."""
    kept = self._schedule.draw_together(self._last_slots)
    if kept is not None:
      index = put(np.array(kept, np.int32), self._engine.layout.replicated)
      self._state = slots_lib.taken(
        self._state, index, layout=self._engine.layout
      )
      self._last, self._slots = self._last[kept], len(kept)

  def _refill(self) -> None:
    """Admits requests until no slot is idle or none is waiting."""
    while self._schedule.idle and self._schedule.waiting:
      tokens = self._schedule.prompts()
      if tokens is not None:
        self._prefill(tokens)
      self._admit(self._schedule.admissions())

  def _prefill(self, tokens: np.ndarray) -> None:
    engine = self._engine
    self._prompts = None  # the last ones are all in slots: room for others
    self._prompts = slots_lib.prefill(
      engine.params,
      put(tokens, engine.layout.named("batch")),
      cfg=engine.cfg,
      stacked=engine.stacked,
      layout=engine.layout,
      stored=engine.limits.kv_cache,
    )

  def _admit(self, admitted: list[Admitted]) -> None:
    assert self._prompts is not None
    layout, requests = self._engine.layout, self._schedule.requests
    for slot, _, number in admitted:
      self._last[slot] = len(requests[number].tokens) - 1
      self._written[number] = []
    self._state = slots_lib.admit(
      self._state,
      self._prompts,
      put(
        slots_lib.admission(admitted, requests, self._slots), layout.replicated
      ),
      self._key,
      layout=layout,
    )

  def _decode(self) -> decode.Chunk:
    engine, limits = self._engine, self._engine.limits
    schedule = self._schedule
    most_idle = self._slots
    if schedule.waiting:
      most_idle = min(self._slots, schedule.idle + limits.refill)
    elif self._slots > self._last_slots:
      most_idle = self._slots - self._last_slots
    busy = [number is not None for number in schedule.open]
    farthest = int(self._last[busy].max()) + 1
    live = min(self._columns, bucket(max(farthest, limits.least_live)))
    self._state, chunk = decode.decode(
      engine.params,
      self._state,
      self._script,
      put(np.array(most_idle, np.int32), engine.layout.replicated),
      cfg=engine.cfg,
      kept=engine.kept,
      live=live,
      columns=limits.columns,
      layout=engine.layout,
    )
    return chunk

  def _collect(self, chunk: decode.Chunk) -> Round:
    """Takes what the slots wrote to their requests."""
    written, finished, halted = {}, {}, []
    for slot, number in enumerate(self._schedule.open):
      if number is None:
        continue
      request, parts = self._schedule.requests[number], self._written[number]
      decode.check_sane(chunk, slot, f"request {number}", request, parts)
      part = decode.written(chunk, slot)
      written[number] = part.tokens
      parts.append(part)
      self._last[slot] += len(part.tokens)
      whole = self._halted(number)
      if whole is not None and not chunk.idle[slot]:
        halted.append(Admitted(slot, 0, number))
      if whole is None and chunk.idle[slot]:
        whole = joined(parts)
      if whole is not None:
        finished[number] = whole
        self._schedule.open[slot] = None
        del self._written[number]
    if halted:
      self._stop(halted)
    self._remaining -= len(finished)
    steps = int(chunk.count.max())
    busy = float(chunk.count.sum()) / max(1, steps * self._slots)
    return Round(written, finished, steps, busy, self._remaining)

  def _halted(self, number: int) -> Completion | None:
    """What counts of a request that what it wrote has ended."""
    halt = self._engine.halt
    if halt is None:
      return None
    parts = self._written[number]
    whole = joined(parts)
    length = halt(whole.tokens, len(parts[-1].tokens))
    if length is None:
      return None
    return Completion(
      whole.tokens[:length],
      whole.logprobs[:length],
      whole.forced[:length],
      stopped=True,
    )

  def _stop(self, halted: list[Admitted]) -> None:
    """Makes slots idle: an admission without room, and without a prompt."""
    table = slots_lib.admission(halted, self._schedule.requests, self._slots)
    table = dataclasses.replace(
      table, count=np.zeros_like(table.count), room=np.zeros_like(table.room)
    )
    assert self._prompts is not None
    layout = self._engine.layout
    self._state = slots_lib.admit(
      self._state,
      self._prompts,
      put(table, layout.replicated),
      self._key,
      layout=layout,
    )
