"""Values out of a JSON object of Hugging Face's, by name and type."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

REQUIRED: Any = object()


@dataclasses.dataclass(frozen=True)
class Fields:
  """A JSON object that is asked for values by name; null counts as absent."""

  values: Mapping[str, Any]
  where: str

  def wrong(self, name: str, why: str) -> ValueError:
    """The error that names a field, its value and what is wrong with it."""
    found = f"{name}={self.values[name]!r}" if name in self.values else name
    return ValueError(f"{self.where}: {found} {why}")

  def get(self, name: str, default: Any, kinds: tuple[type, ...]) -> Any:
    """A value of one of these exact types: true is no 1."""
    value = self.values.get(name)
    if value is None:
      if default is REQUIRED:
        raise self.wrong(name, "is missing; a Qwen2 model needs it")
      return default
    if type(value) not in kinds:
      names = " or ".join(kind.__name__ for kind in kinds)
      raise self.wrong(name, f"is {type(value).__name__}, must be {names}")
    return value

  def whole(self, name: str, default: Any = REQUIRED, least: int = 1) -> Any:
    """An integer of at least `least`."""
    value = self.get(name, default, (int,))
    if value is not None and value < least:
      raise self.wrong(name, f"must be at least {least}")
    return value

  def positive(self, name: str, default: Any = REQUIRED) -> Any:
    """A finite number above 0, as a float."""
    value = self.get(name, default, (int, float))
    if value is None:
      return None
    if not (math.isfinite(value) and value > 0):
      raise self.wrong(name, "must be a finite number above 0")
    return float(value)
