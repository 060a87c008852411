"""Any set that can be read, on disk to be read by index.

Reading a large set of published files takes minutes and much memory; what is
written here opens at once. The builder is one for all sets: what differs is
who reads them. A set's folder is named after its files' content, so that other
files are another folder.
"""

import functools
import hashlib
import re
from collections.abc import (
  Callable,
  Iterable,
  Iterator,
  Mapping,
  Sequence,
)
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow_datasets as tfds

from rrm_jax.data import public_sets, storage
from rrm_jax.records import Candidates, Comparison, Message, Role

Item = TypeVar("Item", Comparison, Candidates)

_SPLIT = "items"
_NOT_SAID = 0
# What is written may be kept within a set's folder, and is none of its files.
_KEPT = re.compile(r"/(\.incomplete-|[^/]*-(comparisons|groups)-[0-9a-f]{16}/)")


class PublicItems(tfds.core.GeneratorBasedBuilder):
  """Comparisons, or groups of candidates, in the order in which they are read.

  `label` is 1 or 2, or 0 where nobody has said; `correct` is empty there.
  """

  # Raise it whenever a reader makes something else of the same files.
  VERSION = tfds.core.Version("1.0.0")
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


def comparisons(
  spec: str, folder: Path, found: Iterable[Comparison] | None = None
) -> storage.Stored[Comparison]:
  """A set's comparisons by index, written below `folder` at the first call.

  Args:
    spec: What `public_sets.resolve` takes.
    folder: Where to keep sets.
    found: What that gives, if it is at hand; read only to be written.

  Raises:
    ValueError: the set cannot be read, or what was written is not whole.
  """

  def read() -> Iterable[Comparison]:
    return public_sets.resolve(spec) if found is None else found

  return _opened(spec, "comparisons", folder, read, _comparison)


def groups(spec: str, folder: Path) -> storage.Stored[Candidates]:
  """A set's groups of candidates by index, as `comparisons`.

  Raises:
    ValueError: as `comparisons`, or the set has no groups.
  """
  return _opened(
    spec, "groups", folder, lambda: public_sets.groups(spec).items, _candidates
  )


def _opened(
  spec: str,
  kind: str,
  folder: Path,
  read: Callable[[], Iterable[Item]],
  decode: Callable[[Mapping[str, Any]], Item],
) -> storage.Stored[Item]:
  place = _place(spec, kind, folder)
  storage.write_once(place, functools.partial(PublicItems, read))
  builder = PublicItems(read, place)
  if _SPLIT not in builder.info.splits:
    raise ValueError(
      f"{place} is not whole; delete it, and it will be written again"
    )
  return storage.Stored(builder.as_data_source(_SPLIT), decode)


def _place(spec: str, kind: str, folder: Path) -> Path:
  """The set's folder: readable at the front, unmistakable at the end."""
  name = spec.partition("=")[0]
  digest = hashlib.sha256(f"{PublicItems.VERSION}/{name}".encode())
  for path in public_sets.files(spec):
    if path.is_file() and not _KEPT.search(path.as_posix()):
      with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
      digest.update(f"{path.name}/{content}".encode())
  readable = Path(name).stem.replace("=", "-")
  if name in public_sets.SETS:
    readable = name.replace("/", "-")
  return Path(folder) / f"{readable}-{kind}-{digest.hexdigest()[:16]}"


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
