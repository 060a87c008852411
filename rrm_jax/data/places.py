"""Where published sets are, and how to fetch them.

RRM_SHARED names a folder with a folder for each set; NAME=FOLDER says where
another one is.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rrm_jax.data import reading

FOLDER_VARIABLE = "RRM_SHARED"
HUB = "hf download {} --repo-type dataset --local-dir"
GITHUB = "git clone https://github.com/{}"


class Place(NamedTuple):
  """A set's place.

  Attributes:
    folder: Below that of RRM_SHARED.
    fetch: The command which fetches it; the folder comes after it.
  """

  folder: str
  fetch: str


def find(name: str, place: Place, folder: str = "") -> Path:
  """A set's folder: the given one, or its place below the shared one.

  Raises:
    ValueError: none is given, and the environment names none.
  """
  if folder:
    return Path(folder)
  shared = os.environ.get(FOLDER_VARIABLE)
  if not shared or not Path(shared).is_dir():
    state = f"{shared!r}, which is no folder" if shared else "not set"
    raise ValueError(
      f"the data set {name!r} is looked up in the folder which the environment "
      f"variable {FOLDER_VARIABLE} names, and it is {state}; set it, or give "
      f"{name}=FOLDER, or the path of a JSONL file"
    )
  return Path(shared) / place.folder


def read(
  name: str,
  place: Place,
  read_from: Callable[[Path], reading.Reading[reading.Item]],
  folder: str = "",
) -> reading.Reading[reading.Item]:
  """Reads a set from the given folder, or from its place.

  Raises:
    ValueError: as `find`, or what `read_from` raises; where there is no such
      folder, the message says how to fetch it.
  """
  found = find(name, place, folder)
  try:
    return read_from(found)
  except ValueError as error:
    if found.exists():
      raise
    raise ValueError(
      f"the data set {name!r} is not there: {error}. Fetch it with\n"
      f"  {place.fetch} {found}\n"
      f"or say where it is with {name}=FOLDER"
    ) from None
