"""What a checkpoint's arrays are: names, shapes, dtypes and fingerprints.

Stored beside the arrays, it tells another model from a damaged one, and both
from the right one.
"""

import hashlib
import json
import pathlib
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from rrm_jax import sharding
from rrm_jax.ops.fingerprint import fingerprint, fingerprint_on_host

# Whether arrays must have the dtypes that are wanted, are cast to them after
# they were verified (between floats only), or come as they were saved.
Floats = Literal["same", "cast", "saved"]

_FLOATS = ("float32", "bfloat16", "float16")


class Mismatch(ValueError):
  """The checkpoint is whole, but of another model."""


def flatten(state: PyTree) -> dict[str, Any]:
  """Names every array by its way through the tree."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(state)
  return {
    jax.tree_util.keystr(path, simple=True, separator="/"): leaf
    if isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct))
    else np.asarray(leaf)
    for path, leaf in leaves
  }


def describe(leaves: dict[str, Any]) -> dict[str, Any]:
  """What is stored beside the arrays; the digest guards the rest."""
  table = {
    name: {
      "shape": list(x.shape),
      "dtype": str(x.dtype),
      "fingerprint": _fingerprint(jnp.asarray(x)),
    }
    for name, x in leaves.items()
  }
  return {"leaves": table, "sha256": _digest(table)}


def digest(tree: PyTree) -> str:
  """What names arrays: a hash of their names, shapes, dtypes and values.

  It is made where they lie, in the time it takes to read them there: a
  fraction of a second for gigabytes on an accelerator, where hashing the files
  that they came from would read those again, and would tell copies apart that
  were only cut into other files.
  """
  return describe(flatten(tree))["sha256"]


def _fingerprint(x: jax.Array) -> int:
  """Computed where the array lies.

  One after the other: the scratch memory is that of the largest array, and
  never are several programs with collectives in flight.
  """
  if sharding.near(x):
    return fingerprint_on_host(sharding.host_parts(x))
  return int(jax.device_get(fingerprint(jax.block_until_ready(x))))


def table_of(described: dict[str, Any]) -> dict[str, Any]:
  """The arrays by name, from what `describe` gave.

  Raises:
    ValueError: it was damaged since.
  """
  if _digest(described["leaves"]) != described["sha256"]:
    raise ValueError("its table of arrays does not match its digest")
  return described["leaves"]


def check_unchanged(leaves: dict[str, Any], table: dict[str, Any]) -> None:
  """Raises ValueError unless arrays have the fingerprints of the table."""
  for name, mark in describe(leaves)["leaves"].items():
    if mark != table[name]:
      raise ValueError(f"{name} is {mark}, was saved as {table[name]}")


def check_same(
  path: pathlib.Path,
  table: dict[str, Any],
  wanted: dict[str, Any],
  partial: bool,
  floats: Floats,
) -> None:
  """Raises Mismatch unless the checkpoint has the arrays that are wanted."""
  for name, x in wanted.items():
    if name not in table:
      raise Mismatch(
        f"{path} has no array {name}, which the state needs (shape "
        f"{tuple(x.shape)}); it is of another model or optimizer"
      )
    shape, dtype = tuple(table[name]["shape"]), table[name]["dtype"]
    both_float = {dtype, str(x.dtype)} <= {*_FLOATS}
    may_differ = floats != "same" and both_float
    if shape != tuple(x.shape) or (dtype != str(x.dtype) and not may_differ):
      raise Mismatch(
        f"{path}: {name} was saved as {dtype}{list(shape)}, the state "
        f"needs {x.dtype}{list(x.shape)}; it is of another model"
      )
  extra = [name for name in table if name not in wanted]
  if extra and not partial:
    raise Mismatch(
      f"{path} holds {extra[0]}, which the state lacks; it is of another "
      "model or optimizer"
    )


def _digest(table: dict[str, Any]) -> str:
  text = json.dumps(table, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
