"""Any set that can be read, kept on disk to be read by index.

Reading a large set of published files takes minutes and much memory; what is
written here opens at once. A set's folder is named after its files' content,
so that other files are another folder.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from rrm_jax.data import kept, public_sets, storage
from rrm_jax.records import Candidates, Comparison

# What is written may be kept within a set's folder, and is none of its files.
_KEPT = re.compile(r"/(\.incomplete-|[^/]*-(comparisons|groups)-[0-9a-f]{16}/)")


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

  place = path(spec, "comparisons", folder)
  kept.write_comparisons(place, read)
  return kept.comparisons(place)


def groups(spec: str, folder: Path) -> storage.Stored[Candidates]:
  """A set's groups of candidates by index, as `comparisons`.

  Raises:
    ValueError: as `comparisons`, or the set has no groups.
  """
  place = path(spec, "groups", folder)
  kept.write_groups(place, lambda: public_sets.groups(spec).items)
  return kept.groups(place)


def path(spec: str, kind: str, folder: Path) -> Path:
  """A set's folder below `folder`: readable in front, unmistakable at the end.

  Args:
    spec: What `public_sets.resolve` takes.
    kind: "comparisons" or "groups".
    folder: Where sets are kept.

  Raises:
    ValueError: the set's files cannot be found.
  """
  name = spec.partition("=")[0]
  digest = hashlib.sha256(f"{kept.VERSION}/{name}".encode())
  for file in public_sets.files(spec):
    if file.is_file() and not _KEPT.search(file.as_posix()):
      with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
      digest.update(f"{file.name}/{found}".encode())
  readable = Path(name).stem.replace("=", "-")
  if name in public_sets.SETS:
    readable = name.replace("/", "-")
  return Path(folder) / f"{readable}-{kind}-{digest.hexdigest()[:16]}"
