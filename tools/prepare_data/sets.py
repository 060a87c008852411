"""Reads a data set and says what is in it; writes it to be read by index.

  python -m tools.prepare_data --data=SPEC [--output=DIR]

SPEC is a name as in rewardbench, NAME=FOLDER, or a JSONL file, as for
launch.evaluate. Without --output it only checks the files: each part and its
size, what one should know (ties, empty answers, repeats), and whether the
benchmark's rule can score it. With it the set, and its groups of candidates if
it has some, are written below DIR in the form of TensorFlow Datasets; launches
take such a folder, or NAME=FOLDER, where they take a set.
"""

import collections
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import app, flags

from launch import setup
from rrm_jax.benchmarks import protocol
from rrm_jax.data import prepared, public_sets, reading
from rrm_jax.metrics import Progress
from rrm_jax.records import Comparison


def define() -> None:
  """Defines its flags."""
  flags.DEFINE_string(
    "data", None, "A set's name, NAME=FOLDER, or a JSONL file.", required=True
  )
  flags.DEFINE_string("output", None, "Folder to keep sets in.")


def lines(spec: str, found: reading.Reading[Comparison]) -> Iterator[str]:
  """What a person should know of a set, line by line.

  Raises:
    ValueError: it is a benchmark's, and its rule could not score it.
  """
  yield f"{spec}: {len(found.items):,} comparisons"
  sizes = collections.Counter(one.subset for one in found.items)
  width = max(map(len, sizes))
  if width:
    yield from (f"  {name:{width}} {count:8,}" for name, count in sizes.items())
  for note, count in found.notes.items():
    yield f"note: {count:,} {note}"
  name = spec.partition("=")[0]
  if name.partition("/")[0] in protocol.PROTOCOLS:
    protocol.check(name, found.items)
    rule = protocol.find(name)
    yield f"rule of {rule.title}: {rule.rule}"


def _keep(
  spec: str, found: Sequence[Comparison], folder: Path
) -> Iterator[Path]:
  """Writes the set, unless it is there; gives the folders."""
  with Progress(f"writing {spec}", len(found)) as progress:
    prepared.comparisons(spec, folder, _shown(found, progress))
  yield prepared.path(spec, "comparisons", folder)
  if spec.partition("=")[0] in public_sets.GROUPED:
    prepared.groups(spec, folder)
    yield prepared.path(spec, "groups", folder)


def _shown(
  found: Sequence[Comparison], progress: Progress
) -> Iterator[Comparison]:
  """What was found, telling how far its reader is."""
  for done, one in enumerate(found, start=1):
    yield one
    progress.update(done, {})


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    spec = flags.FLAGS.data
    found = public_sets.read(spec)
    for line in lines(spec, found):
      print(line)
    if flags.FLAGS.output is not None:
      for path in _keep(spec, found.items, Path(flags.FLAGS.output)):
        print(f"kept: {path}")
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  return 0
