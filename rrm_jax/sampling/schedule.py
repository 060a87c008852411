"""Which request goes into which slot, and when its prompt is read.

The host's half of continuous batching: lists and small arrays, nothing on a
device. It follows from the requests and from what the slots report, so every
process of a pod keeps the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rrm_jax import config
from rrm_jax.sampling import budget

# Shorter prompts are read as this many tokens: few shapes.
LEAST_COLUMNS = 16


class Request(NamedTuple):
  """One completion to be written.

  Attributes:
    tokens: The prompt; requests with equal `prompt_id` share it.
    prompt_id: 32 bits that name the prompt in every run.
    sample_id: The number of this completion among the prompt's.
    max_new_tokens: Its room.
    thinking_budget: Tokens before the closing tag.
    answer_budget: Tokens after it.
  """

  tokens: Sequence[int]
  prompt_id: int
  sample_id: int
  max_new_tokens: int
  thinking_budget: int = budget.UNLIMITED
  answer_budget: int = budget.UNLIMITED


class Admitted(NamedTuple):
  """A request on its way into a slot.

  Attributes:
    slot: Where it will be decoded.
    row: Where its prompt lies among those read last.
    number: Which request it is.
  """

  slot: int
  row: int
  number: int


def bucket(length: int) -> int:
  """The column count for this length: few shapes, little waste.

  Rounds up to a quarter of the next smaller power of two, so at most a fifth
  of the columns is padding, and all lengths to 8,192 make 48 shapes.
  """
  grain = max(1, 2 ** (max(length - 1, 1).bit_length() - 3))
  return -(-length // grain) * grain


def slot_count(limits: config.Engine, requests: int, parts: int) -> int:
  """How many rows are decoded together, in multiples of `parts`."""
  wanted = min(limits.slots, max(limits.least_slots, requests))
  return -(-wanted // parts) * parts


def last_slots(limits: config.Engine, slots: int, one_cpu: bool) -> int:
  """With how many slots the last rows go on: half of them on one CPU.

  To it an idle slot is as much work as another. Elsewhere a step is bound by
  reading the weights, and two caches may not fit.
  """
  half = slots // 2
  return half if one_cpu and half >= limits.least_slots else slots


def check(
  number: int, request: Request, cfg: config.Model, script: int
) -> None:
  """Refuses what could not be served.

  Raises:
    ValueError: an empty prompt, no room, or more than the model is made for.
  """
  name = f"request {number} (prompt {request.prompt_id})"
  length, room = len(request.tokens), request.max_new_tokens
  if not length:
    raise ValueError(f"{name} has an empty prompt; it needs a token to read")
  if room < 1:
    raise ValueError(f"{name}: max_new_tokens={room} must be at least 1")
  if length + room > cfg.max_positions:
    raise ValueError(
      f"{name}: a prompt of {length} tokens and max_new_tokens={room} make "
      f"{length + room}, the model is made for max_positions="
      f"{cfg.max_positions}; shorten one of them"
    )
  budget_end = request.thinking_budget + script
  if request.thinking_budget < room < budget_end:
    raise ValueError(
      f"{name}: thinking_budget={request.thinking_budget} and the {script} "
      f"tokens forced after it do not fit into max_new_tokens={room}"
    )


class Schedule:
  """Requests waiting, in stock (their prompt is read) and in slots."""

  def __init__(self, requests: Sequence[Request], slots: int, parts: int = 1):
    """Takes the requests in.

    Args:
      requests: What is to be done.
      slots: How many at once.
      parts: Prompts are read in multiples of this many.
    """
    self.requests = requests
    self.open: list[int | None] = [None] * slots
    groups: dict[tuple, list[int]] = {}
    for number, r in enumerate(requests):
      # Their tokens as well: two of many prompts may share 32 bits.
      columns = bucket(max(len(r.tokens), LEAST_COLUMNS))
      key = (columns, r.prompt_id, *r.tokens)
      groups.setdefault(key, []).append(number)
    # The longest prompts first: what does not fit into memory fails at once,
    # and the rows that are left when the slots run empty are cheap.
    order = sorted(groups, key=lambda key: -key[0])
    self._waiting = [(key[0], groups[key]) for key in order]
    self._stock: list[tuple[int, int]] = []
    # As many prompts at a time as fill the slots, in few sizes.
    largest = max(map(len, groups.values()), default=1)
    rows = min(-(-slots // largest), max(1, len(groups)))
    self._rows = -(-(2 ** (rows - 1).bit_length()) // parts) * parts

  @property
  def idle(self) -> int:
    """Slots with nothing to do."""
    return self.open.count(None)

  @property
  def waiting(self) -> bool:
    """Whether a request is not in a slot yet."""
    return bool(self._stock or self._waiting)

  @property
  def done(self) -> bool:
    """Whether nothing is left."""
    return not self.waiting and self.idle == len(self.open)

  def prompts(self) -> np.ndarray | None:
    """The next prompts to read [P, Tp], if slots are idle for want of any."""
    if self._stock or not self._waiting or not self.idle:
      return None
    columns = self._waiting[0][0]
    tokens = np.zeros((self._rows, columns), np.int32)
    for row in range(self._rows):
      if not self._waiting or self._waiting[0][0] != columns:
        break
      _, group = self._waiting.pop(0)
      prompt = self.requests[group[0]].tokens
      tokens[row, : len(prompt)] = prompt
      self._stock += [(row, number) for number in group]
    return tokens

  def admissions(self) -> list[Admitted]:
    """Moves requests from the stock into idle slots."""
    idle = [slot for slot, number in enumerate(self.open) if number is None]
    admitted = [
      Admitted(slot, row, number)
      for slot, (row, number) in zip(idle, self._stock, strict=False)
    ]
    del self._stock[: len(admitted)]
    for slot, _, number in admitted:
      self.open[slot] = number
    return admitted

  def draw_together(self, slots: int) -> list[int] | None:
    """Gives up all but so many slots, if that is all that is needed.

    Returns:
      The slots that are kept, in their new order; None if none is given up.
    """
    busy = [slot for slot, number in enumerate(self.open) if number is not None]
    if self.waiting or not len(busy) <= slots < len(self.open):
      return None
    idle = [slot for slot, number in enumerate(self.open) if number is None]
    kept = busy + idle[: slots - len(busy)]
    self.open = [self.open[slot] for slot in kept]
    return kept
