"""The least that a config's numbers may be."""

from typing import Any


def at_least(cfg: Any, least: float, *names: str) -> None:
  """Refuses fields that are too small, or not a number.

  Args:
    cfg: A dataclass.
    least: What each of the fields must reach.
    names: The fields.

  Raises:
    ValueError: names a field, its value and the bound.
  """
  for name in names:
    value = vars(cfg)[name]
    if not value >= least:
      raise ValueError(f"{name}={value} must be at least {least}")
