"""Sets kept on disk, each in a folder of its own, to be read by index.

The builders are the same for all sets: what differs is who read them. Where a
set is asked for, the folder of a kept one does as well: whole, checked, and of
one form whatever its files were.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow_datasets as tfds

from rrm_jax.data import storage
from rrm_jax.records import Candidates, Comparison, Message, Role

Item = TypeVar("Item", Comparison, Candidates)

# Raise it whenever a reader makes something else of the same files.
VERSION = "1.1.0"

_SPLIT = "items"
_NOT_SAID = 0


class _Items(tfds.core.GeneratorBasedBuilder):
  """Items in the order in which they are read.

  `label` is 1 or 2, or 0 where nobody has said; `correct` is empty there.
  """

  VERSION = tfds.core.Version(VERSION)
  # TFDS looks for checksums of downloads beside the code; there are none, and
  # its way of finding the code needs a package which it does not require.
  code_path = None

  def __init__(
    self, read: Callable[[], Iterable[Comparison | Candidates]], data_dir: Path
  ):
    """Names who reads the set.

    Args:
      read: Gives the items; called only to write.
      data_dir: The set's folder.
    """
    self._read = read
    super().__init__(data_dir=data_dir, file_format="array_record")

  def _info(self) -> tfds.core.DatasetInfo:
    text = tfds.features.Text()
    turn = {"role": text, "content": text}
    return storage.LocalInfo(
      builder=self,
      description=self.__doc__,
      features=tfds.features.FeaturesDict(
        {
          "uid": text,
          "conversation": tfds.features.Sequence(turn),
          "responses": tfds.features.Sequence(text),
          "label": np.int64,
          "correct": tfds.features.Sequence(np.int64),
          "subset": text,
          "source": text,
        }
      ),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    del dl_manager  # the user has fetched the files
    return {_SPLIT: self._generate_examples()}

  def _generate_examples(self) -> Iterator[tuple[int, dict]]:
    for index, item in enumerate(self._read()):
      yield index, _encoded(item)


class KeptComparisons(_Items):
  """Comparisons in the order in which they are read."""


class KeptGroups(_Items):
  """Groups of candidates in the order in which they are read."""


def write_comparisons(
  folder: Path, read: Callable[[], Iterable[Comparison]]
) -> None:
  """Writes comparisons, unless the folder is there; see `storage.write_once`.

  Raises:
    ValueError: what `read` raises, or the folder around it is a file.
  """
  storage.write_once(folder, functools.partial(KeptComparisons, read))


def write_groups(
  folder: Path, read: Callable[[], Iterable[Candidates]]
) -> None:
  """Writes groups of candidates, as `write_comparisons`.

  Raises:
    ValueError: as `write_comparisons`.
  """
  storage.write_once(folder, functools.partial(KeptGroups, read))


def has_comparisons(folder: Path) -> bool:
  """Whether comparisons are kept in a folder."""
  return _place(folder, KeptComparisons).is_dir()


def has_groups(folder: Path) -> bool:
  """Whether groups of candidates are kept in a folder."""
  return _place(folder, KeptGroups).is_dir()


def comparisons(folder: Path) -> storage.Stored[Comparison]:
  """The comparisons kept in a folder.

  Raises:
    ValueError: there are none, or not all that were written.
  """
  return _opened(folder, KeptComparisons, _comparison)


def groups(folder: Path) -> storage.Stored[Candidates]:
  """The groups of candidates kept in a folder.

  Raises:
    ValueError: as `comparisons`.
  """
  return _opened(folder, KeptGroups, _candidates)


def _place(folder: Path, kind: type[_Items]) -> Path:
  return folder / kind.name / VERSION


def _opened(
  folder: Path, kind: type[_Items], decode: Callable[[Mapping[str, Any]], Item]
) -> storage.Stored[Item]:
  builder = kind(tuple, folder)
  if _SPLIT not in builder.info.splits:
    raise ValueError(
      f"{folder} is not whole; delete it, and it will be written again"
    )
  return storage.Stored(builder.as_data_source(_SPLIT), decode)


def _encoded(item: Comparison | Candidates) -> dict[str, Any]:
  label: int | None = None
  correct: tuple[bool, ...] | None = None
  if isinstance(item, Comparison):
    label = item.label
  else:
    correct = item.correct
  return {
    "uid": item.uid,
    "conversation": [turn._asdict() for turn in item.conversation],
    "responses": list(item.responses),
    "label": label or _NOT_SAID,
    "correct": [int(one) for one in correct or ()],
    "subset": item.subset,
    "source": item.source,
  }


def _comparison(row: Mapping[str, Any]) -> Comparison:
  first, second = _texts(row["responses"])
  return Comparison(
    uid=row["uid"].decode(),
    conversation=_conversation(row),
    responses=(first, second),
    label=int(row["label"]) or None,
    subset=row["subset"].decode(),
    source=row["source"].decode(),
  )


def _candidates(row: Mapping[str, Any]) -> Candidates:
  correct = tuple(bool(one) for one in row["correct"])
  return Candidates(
    uid=row["uid"].decode(),
    conversation=_conversation(row),
    responses=_texts(row["responses"]),
    correct=correct or None,
    subset=row["subset"].decode(),
    source=row["source"].decode(),
  )


def _conversation(row: Mapping[str, Any]) -> tuple[Message, ...]:
  turns = row["conversation"]
  return tuple(
    Message(cast(Role, role), content)
    for role, content in zip(
      _texts(turns["role"]), _texts(turns["content"]), strict=True
    )
  )


def _texts(values: Sequence[bytes]) -> tuple[str, ...]:
  return tuple(value.decode() for value in values)
