"""Frozen dataclasses out of nested mappings, strictly, and back.

Unknown keys, missing keys and wrong types are errors which name the field by
its whole path, and the nearest right name.
"""

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

T = typing.TypeVar("T")


def from_mapping(cls: type[T], mapping: Mapping, path: str = "config") -> T:
  """Builds a dataclass from a nested mapping, strictly.

  Args:
    cls: The frozen dataclass to build.
    mapping: Field names to values; lists serve for tuples.
    path: Where the mapping stands in the whole, for messages.

  Raises:
    ValueError: a key is unknown or missing, a value has the wrong type, or
      the values together make no sense. The message begins with the path.
  """
  hints = typing.get_type_hints(cls)
  fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
  for key in mapping:
    if key not in fields:
      near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.0)
      raise ValueError(
        f"{path}.{key} is no field of {cls.__name__}; did you mean "
        f"{path}.{near[0]}?"
      )
  missing = [
    name
    for name, field in fields.items()
    if name not in mapping
    and field.default is dataclasses.MISSING
    and field.default_factory is dataclasses.MISSING
  ]
  if missing:
    raise ValueError(
      f"{path} lacks {', '.join(missing)}, which {cls.__name__} needs"
    )
  values = {
    key: _convert(hints[key], value, f"{path}.{key}")
    for key, value in mapping.items()
  }
  try:
    return cls(**values)
  except ValueError as error:
    raise ValueError(f"{path}: {error}") from None


def to_mapping(config: Any) -> dict:
  """The nested dict of a config, ready for JSON; inverse of `from_mapping`."""
  return json.loads(json.dumps(_plain(config)))


def complete(cls: type, mapping: Mapping) -> dict:
  """The mapping with every field that it leaves out, at its default.

  What a config file returns, so that flags can override any field.

  Raises:
    ValueError: as `from_mapping`.
  """
  return _plain(from_mapping(cls, mapping))


def at_least(least: float, config: Any, *names: str) -> None:
  """Holds fields of a dataclass, and the items of a tuple, to a bound.

  Raises:
    ValueError: one is below it, or not a number.
  """
  for name in names:
    value = vars(config)[name]
    items = value if isinstance(value, tuple) else (value,)
    if not all(item >= least for item in items):
      raise ValueError(f"{name}={value} must be at least {least}")


def _plain(value: Any) -> Any:
  if dataclasses.is_dataclass(value):
    return {name: _plain(item) for name, item in vars(value).items()}
  if isinstance(value, Mapping):
    return {key: _plain(item) for key, item in value.items()}
  return value


def _convert(hint: Any, value: Any, path: str) -> Any:
  """Checks `value` against the type `hint`, building what is nested."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin in (types.UnionType, typing.Union):
    return _convert_union(args, value, path)
  if origin is Literal:
    if value not in args:
      near = difflib.get_close_matches(str(value), map(str, args), 1, 0.0)
      raise ValueError(
        f"{path}={value!r} is not one of {list(args)}; did you mean {near[0]}?"
      )
    return value
  if origin is tuple:
    if not isinstance(value, (list, tuple)):
      raise _wrong_type(path, value, "a list")
    return tuple(
      _convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value)
    )
  if origin is Mapping:
    if not isinstance(value, Mapping):
      raise _wrong_type(path, value, "a group of fields")
    return {
      key: _convert(args[1], item, f"{path}.{key}")
      for key, item in value.items()
    }
  if dataclasses.is_dataclass(hint):
    if isinstance(value, typing.cast(type, hint)):
      return value
    if not isinstance(value, Mapping):
      raise _wrong_type(path, value, "a group of fields")
    return from_mapping(typing.cast(type, hint), value, path)
  if hint is float and type(value) is int:
    return float(value)
  if type(value) is not hint:
    raise _wrong_type(path, value, hint.__name__)
  return value


def _convert_union(args: tuple, value: Any, path: str) -> Any:
  """`X | None`, or dataclasses told apart by their `recipe`."""
  if value is None and types.NoneType in args:
    return None
  choices = [arg for arg in args if arg is not types.NoneType]
  if len(choices) == 1:
    return _convert(choices[0], value, path)
  if isinstance(value, tuple(choices)):
    return value
  recipes = {
    typing.get_args(c.__annotations__["recipe"])[0]: c for c in choices
  }
  if not isinstance(value, Mapping) or value.get("recipe") not in recipes:
    found = value.get("recipe") if isinstance(value, Mapping) else value
    raise ValueError(f"{path}.recipe={found!r} is not one of {sorted(recipes)}")
  return from_mapping(recipes[value["recipe"]], value, path)


def _wrong_type(path: str, value: Any, wanted: str) -> ValueError:
  return ValueError(
    f"{path}={value!r} is {type(value).__name__}, must be {wanted}"
  )
