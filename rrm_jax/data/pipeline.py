"""Which comparisons a training step sees, as a function of its number.

There is no iterator and so no state to save: a resumed run asks for the next
step and gets what the uninterrupted one would have got.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from rrm_jax import stable_hash
from rrm_jax.data import arithmetic
from rrm_jax.records import Comparison


@runtime_checkable
class Source(Protocol):
  """Comparisons which can be counted and read by index."""

  def __len__(self) -> int: ...

  def __getitem__(self, index: int, /) -> Comparison: ...


class Pipeline:
  """`pipeline[step]` is the batch of a step, counted from 0.

  Each epoch is shuffled in its own way; a batch may reach over the end of one
  into the next. A curriculum splits the stage into equal parts and shows in
  each only what is not too difficult; later steps stay in the last part.
  """

  def __init__(
    self,
    source: Source,
    batch_size: int,
    seed: int,
    curriculum: tuple[int, ...] = (),
    steps: int = 0,
    difficulty: Callable[[Comparison], int] = arithmetic.num_terms,
  ):
    """Orders the source.

    Args:
      source: The comparisons.
      batch_size: How many a step sees; may exceed the source.
      seed: Another seed gives another order.
      curriculum: The largest difficulty shown in each part; () shows all.
      steps: Length of the stage; needed with a curriculum only.
      difficulty: What the curriculum limits.

    Raises:
      ValueError: there is nothing to show, in all or in a part, or the stage
        has fewer steps than parts.
    """
    if batch_size < 1:
      raise ValueError(f"batch_size={batch_size} must be at least 1")
    if not len(source):
      raise ValueError("the source has no comparisons; check the data's files")
    if curriculum and steps < len(curriculum):
      raise ValueError(
        f"steps={steps} do not split into the {len(curriculum)} parts of "
        f"curriculum={curriculum}"
      )
    self._source, self._seed = source, seed
    self._batch_size = batch_size
    self._starts = [
      -(-steps * part // len(curriculum)) for part in range(len(curriculum))
    ] or [0]
    self._indices = (
      _select(source, curriculum, difficulty)
      if curriculum
      else [list(range(len(source)))]
    )
    self._parts = [
      _endless(source, indices, f"{seed}/{part}")
      for part, indices in enumerate(self._indices)
    ]

  def __getitem__(self, step: int) -> list[Comparison]:
    """The comparisons of a step."""
    part = self._part(step)
    first = (step - self._starts[part]) * self._batch_size
    read = self._parts[part]
    return [read(first + row) for row in range(self._batch_size)]

  def others(self, step: int) -> Iterator[Comparison]:
    """What a step might have shown and does not, each once.

    In an order of the step's own: going on where the batch ends would move the
    steps after it, and so need a state. Other steps may show them too.
    """
    part = self._part(step)
    indices = self._indices[part]
    read = _endless(self._source, indices, f"{self._seed}/{part}/{step}")
    shown = {comparison.uid for comparison in self[step]}
    for place in range(len(indices)):
      comparison = read(place)
      if comparison.uid not in shown:
        yield comparison

  def _part(self, step: int) -> int:
    """The part of the curriculum that a step is in."""
    if step < 0:
      raise IndexError(f"step {step} is negative; steps count from 0")
    return sum(start <= step for start in self._starts) - 1


def random_labels(comparison: Comparison, seed: int) -> Comparison:
  """The comparison with a coin's label: the control of an experiment.

  The coin is fair and depends on the uid, so it lands the same way in each
  epoch.
  """
  label = 1 if stable_hash.coin("label", str(seed), comparison.uid) else 2
  return dataclasses.replace(comparison, label=label)


def _select(
  source: Source,
  curriculum: tuple[int, ...],
  difficulty: Callable[[Comparison], int],
) -> list[list[int]]:
  """For each part, the indices of what is not too difficult for it."""
  difficulties = [difficulty(source[index]) for index in range(len(source))]
  parts = [
    [index for index, value in enumerate(difficulties) if value <= limit]
    for limit in curriculum
  ]
  for number, (limit, indices) in enumerate(
    zip(curriculum, parts, strict=True)
  ):
    if not indices:
      raise ValueError(
        f"curriculum[{number}]={limit} leaves no comparisons: the least "
        f"difficulty in the data is {min(difficulties)}"
      )
  return parts


def _endless(
  source: Source, indices: list[int], seed: str
) -> Callable[[int], Comparison]:
  """Reads the selected comparisons in an endless sequence of epochs."""
  # Grain loads jax, which the folder's other users do not need.
  import grain

  # Grain counts its seed up by one from epoch to epoch; without the hash the
  # epochs of neighbouring seeds would be the same.
  shuffled = (
    grain.MapDataset.source(indices)
    .shuffle(seed=int(stable_hash.fraction("shuffle", seed) * 2**32))
    .repeat()
  )
  return lambda place: source[shuffled[place]]
