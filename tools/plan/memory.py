"""What a step holds on each device while one of its programs runs."""

from typing import NamedTuple

from tools.plan.compiled import Measured

CLASSES = (
  "parameters",
  "optimizer",
  "reference",
  "sampler",
  "cache",
  "prompts",
)
_STATE = ("parameters", "optimizer", "reference")
# What programs are given or make, and what is held beside them.
_WITHIN = {
  "update": ("parameters", "optimizer"),
  "score": ("reference",),
  "prepare": ("parameters", "sampler"),
  "prefill": ("sampler", "prompts"),
  "admit": ("cache", "prompts"),
  "decode": ("sampler", "cache"),
}
_PRESENT = {
  "update": _STATE,
  "score": _STATE,
  "prepare": (*_STATE, "sampler"),
  "prefill": CLASSES,
  "admit": CLASSES,
  "decode": CLASSES,
}


class Held(NamedTuple):
  """Bytes on each device while a program runs.

  Attributes:
    parts: Of each of `CLASSES` that is there.
    total: With activations, which are the rest.
  """

  parts: dict[str, int]
  total: int

  @property
  def activations(self) -> int:
    """Whatever else a program needs: also rows, gradients, and padding."""
    return self.total - sum(self.parts.values())


def held(name: str, peak: int, sizes: dict[str, int]) -> Held:
  """What is there while a program runs.

  Args:
    name: The program.
    peak: The most that it holds of its own.
    sizes: Of the `CLASSES` that the step has.
  """
  parts = {k: sizes[k] for k in _PRESENT[name] if k in sizes}
  beside = sum(v for k, v in parts.items() if k not in _WITHIN[name])
  return Held(parts, peak + beside)


# What a user may change where a program does not fit.
_REMEDIES = {
  "update": "more microbatches (--search), or mesh.tensor",
  "score": "more microbatches, or mesh.tensor",
  "prepare": "engine.weights=tensor",
}
_FEWER = "fewer engine.slots, engine.kv_cache=int8, or engine.weights=tensor"


def faults(
  done: dict[str, Measured], sizes: dict[str, int], limit: float
) -> list[str]:
  """A sentence about each program that does not fit."""
  totals = {k: held(k, one.peak, sizes).total for k, one in done.items()}
  return [
    f"{name} needs {total / 2**30:.2f} GiB on each chip with what is held "
    f"beside it, which has {limit / 2**30:.2f}: try "
    + _REMEDIES.get(name, _FEWER)
    for name, total in totals.items()
    if total > limit
  ]
