"""Sets on disk in TensorFlow Datasets' form, written once, read by index.

The files are ArrayRecord, written and read by TensorFlow Datasets without
TensorFlow, so that any TFDS user can open them too.
"""

import contextlib
import functools
import io
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import tensorflow_datasets as tfds

Item = TypeVar("Item")

_REMEMBERED = 65_536


class LocalInfo(tfds.core.DatasetInfo):
  """What is known of a set is in its folder, and nowhere in the cloud."""

  def initialize_from_bucket(self) -> None:
    """Looks nowhere, and makes no temporary folder for what it might find."""


class Stored(Generic[Item]):
  """A split on disk, read one item at a time.

  What was read is remembered, up to a bound: decoding a record takes TFDS a
  tenth of a millisecond, which adds up over a warm start's epochs.
  """

  def __init__(
    self, rows: Sequence[dict], decode: Callable[[Mapping[str, Any]], Item]
  ):
    self._length = len(rows)
    self._read = functools.lru_cache(maxsize=_REMEMBERED)(
      lambda index: decode(rows[index])
    )

  def __len__(self) -> int:
    return self._length

  def __iter__(self) -> Iterator[Item]:
    return map(self.__getitem__, range(self._length))

  def __getitem__(self, index: int) -> Item:
    if not 0 <= index < self._length:
      raise IndexError(f"index {index} is not in 0..{self._length - 1}")
    return self._read(index)


def write_once(
  place: Path, make: Callable[[Path], tfds.core.DatasetBuilder]
) -> None:
  """Writes a set to `place`, unless it is there.

  The set is written beside its place and moved there in one step, so that a
  crash leaves nothing that is read later, and processes which write the same
  set at once all end with a whole one.

  Args:
    place: The set's folder.
    make: The builder that writes to a given folder.

  Raises:
    ValueError: the folder around the place is a file.
  """
  if place.is_dir():
    return
  staging = place.parent / f".incomplete-{uuid.uuid4().hex}"
  try:
    staging.mkdir(parents=True)
  except (FileExistsError, NotADirectoryError):
    raise ValueError(
      f"{place.parent} is not a folder; give one to write data to"
    ) from None
  try:
    tfds.disable_progress_bar()
    # TFDS prints of a download, whatever its settings.
    with contextlib.redirect_stdout(io.StringIO()):
      make(staging).download_and_prepare(
        download_dir=staging / "downloads",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
      )
    shutil.rmtree(staging / "downloads")
    try:
      staging.rename(place)
    except OSError:
      if not place.is_dir():  # else another process was first
        raise
  finally:
    shutil.rmtree(staging, ignore_errors=True)
