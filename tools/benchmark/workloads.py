"""What the contestants of the rollout suite are given: seeded, so the same.

Nothing ends a completion but its length, which is known here and nowhere in
real life: a contestant may use it to stop, not to plan.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

# The spread of reasoning's lengths: of the logarithm, about its mean.
SIGMA = 0.6


class Request(NamedTuple):
  """One completion to be written.

  Attributes:
    prompt: Ids; never 0, with which peers fill their rows.
    group: Which prompt it is.
    sample: Its number among the completions of this prompt.
    length: Tokens to write.
  """

  prompt: tuple[int, ...]
  group: int
  sample: int
  length: int


class Workload(NamedTuple):
  """Requests, group after group, in the order in which they come."""

  name: str
  requests: tuple[Request, ...]

  @property
  def tokens(self) -> int:
    """Useful tokens: those asked for."""
    return sum(r.length for r in self.requests)

  @property
  def live(self) -> float:
    """How many tokens a written token sees, on average."""
    seen = sum(
      r.length * len(r.prompt) + r.length * (r.length - 1) / 2
      for r in self.requests
    )
    return seen / self.tokens

  @property
  def prompt_tokens(self) -> int:
    """Tokens of the prompts, each read once."""
    return sum(len(prompt) for prompt in {r.prompt for r in self.requests})

  def line(self) -> str:
    """What it is, for the terminal."""
    lengths = [r.length for r in self.requests]
    prompts = sorted({len(r.prompt) for r in self.requests})
    few = f"{prompts[0]}" + (f"..{prompts[-1]}" if len(prompts) > 1 else "")
    groups = len({r.group for r in self.requests})
    return (
      f"{self.name}: {groups} prompts of {few} tokens x "
      f"{len(lengths) // groups}, {min(lengths)}..{max(lengths)} new tokens, "
      f"mean {self.tokens / len(lengths):.0f}"
    )


def ragged_lengths(
  rng: np.random.Generator, count: int, mean: float, most: int
) -> list[int]:
  """Lognormal lengths, cut at `most`; `mean` is before the cut."""
  middle = math.log(mean) - SIGMA**2 / 2
  drawn = rng.lognormal(middle, SIGMA, count)
  return [int(x) for x in np.clip(np.rint(drawn), 1, most)]


def _requests(
  rng: np.random.Generator,
  vocab: int,
  prompt_lengths: Sequence[int],
  lengths: Sequence[int],
) -> tuple[Request, ...]:
  """As many completions of each prompt as the lengths are enough for."""
  samples = len(lengths) // len(prompt_lengths)
  prompts = [tuple(rng.integers(1, vocab, n).tolist()) for n in prompt_lengths]
  return tuple(
    Request(prompts[i // samples], i // samples, i % samples, length)
    for i, length in enumerate(lengths)
  )


Make = Callable[[np.random.Generator, int, int], tuple[Request, ...]]


def _equal(
  rng: np.random.Generator, vocab: int, shrink: int
) -> tuple[Request, ...]:
  return _requests(rng, vocab, [128 // shrink] * 32, [256 // shrink] * 32)


def _ragged(
  rng: np.random.Generator, vocab: int, shrink: int
) -> tuple[Request, ...]:
  prompts = rng.integers(64 // shrink, 192 // shrink + 1, 16).tolist()
  lengths = ragged_lengths(rng, 16 * 8, 75 / shrink, 300 // shrink)
  return _requests(rng, vocab, prompts, lengths)


def _long_prompts(prompts: int, samples: int) -> Make:
  def make(
    rng: np.random.Generator, vocab: int, shrink: int
  ) -> tuple[Request, ...]:
    lengths = ragged_lengths(rng, prompts * samples, 64 / shrink, 256 // shrink)
    return _requests(rng, vocab, [512 // shrink] * prompts, lengths)

  return make


MAKERS: Mapping[str, Make] = {
  "equal": _equal,
  "ragged": _ragged,
  "groups_8x8": _long_prompts(8, 8),
  "groups_4x16": _long_prompts(4, 16),
}
NAMES = tuple(MAKERS)


def make(name: str, vocab: int, seed: int = 0, shrink: int = 1) -> Workload:
  """A workload by its name.

  Args:
    name: One of `NAMES`: `equal` lengths; `ragged` as reasoning is; groups of
      8 and 16 completions that share long prompts.
    vocab: Ids are below this.
    seed: Of ids and lengths.
    shrink: Divides all lengths, for a quick look.

  Raises:
    ValueError: no such workload, or nothing is left of its lengths.
  """
  if name not in MAKERS:
    raise ValueError(f"{name!r} is no workload; there are {', '.join(NAMES)}")
  if not 1 <= shrink <= 64:
    raise ValueError(f"shrink={shrink} must be from 1 to 64")
  rng = np.random.default_rng([seed, NAMES.index(name)])
  return Workload(name, MAKERS[name](rng, vocab, shrink))
