"""The config that a workdir belongs to: one workdir, one run.

And folders that are there whole or not at all.
"""

import contextlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rrm_jax import config

_CONFIG = "config.json"
_DATA = "data.json"


def check_config(workdir: Path, job: config.Job) -> bool:
  """Whether the job's config is already in the workdir.

  Another one that nothing has come of, not even a step, does not count.

  Raises:
    ValueError: the workdir is of another config's run; lists what differs.
  """
  path = workdir / _CONFIG
  if not path.exists():
    return False
  there, here = (
    config.to_mapping(read_config(workdir)),
    config.to_mapping(job),
  )
  if there != here and _begun(workdir):
    lines = "\n".join(differences(there, here, "config"))
    raise ValueError(
      f"{path} is of another run:\n{lines}\nchoose another --workdir, or "
      f"delete {workdir}"
    )
  return there == here


def write_config(workdir: Path, job: config.Job) -> None:
  """Writes the job's config into its workdir, in one step.

  Another one that nothing has come of, not even a step, is replaced.

  Raises:
    ValueError: see `check_config`.
  """
  if check_config(workdir, job):
    return
  path = workdir / _CONFIG
  if path.exists():
    logging.info("%s is replaced: nothing was trained with it", path)
  workdir.mkdir(parents=True, exist_ok=True)
  # A name of its own: the processes of a pod may all write at once.
  half = path.with_name(f"{_CONFIG}.{uuid.uuid4().hex}")
  with half.open("w") as file:
    json.dump(config.to_mapping(job), file, indent=2)
    file.write("\n")
    file.flush()
    os.fsync(file.fileno())
  half.replace(path)


def check_data(workdir: Path, found: Mapping[str, Any]) -> None:
  """Holds a run to the data that it began with.

  Args:
    workdir: Of the run; `write_data` was there before it began.
    found: What tells the data that there is now from other.

  Raises:
    ValueError: it is other data.
  """
  path = workdir / _DATA
  if not (path.exists() and _begun(workdir)):
    return
  there = json.loads(path.read_text())
  if there != found:
    lines = "\n".join(differences(there, dict(found), "data"))
    raise ValueError(
      f"the data is not that which {workdir} was begun with:\n{lines}\nput it "
      "back as it was, or choose another --workdir"
    )


def write_data(workdir: Path, found: Mapping[str, Any]) -> None:
  """Writes down what `check_data` holds a run to."""
  write_whole(workdir / _DATA, json.dumps(found, indent=2) + "\n")


def _begun(workdir: Path) -> bool:
  """Whether something was trained or measured there."""
  figures = workdir / "metrics.jsonl"
  measured = figures.exists() and figures.stat().st_size > 0
  return measured or any((workdir / "checkpoints").glob("*/*"))


def read_config(workdir: Path) -> config.Job:
  """The config of the run in a workdir.

  Raises:
    ValueError: the file is missing, is no JSON, or is no `Job`'s.
  """
  path = workdir / _CONFIG
  try:
    mapping = json.loads(path.read_text())
  except FileNotFoundError:
    raise ValueError(
      f"{path} does not exist; is {workdir} a workdir?"
    ) from None
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}") from None
  if "model_type" in mapping:  # of Hugging Face's
    raise ValueError(f"{workdir} is a Hugging Face folder, must be a workdir")
  return config.from_mapping(config.Job, mapping, str(path))


def write_whole(path: Path, text: str) -> None:
  """Writes a file whole or not at all."""
  half = path.with_name(f"{path.name}.tmp")
  half.write_text(text, encoding="utf-8")
  half.replace(path)


@contextlib.contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
  """A new folder to fill, which gets its name once it is whole and on disk.

  Raises:
    ValueError: `output` is there already, and is no empty folder.
  """
  output = output.absolute()
  if output.exists() and not (output.is_dir() and not any(output.iterdir())):
    raise ValueError(
      f"{output} is there and not empty; choose another folder or delete it"
    )
  half = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
  half.mkdir(parents=True)
  try:
    yield half
    for path in half.rglob("*"):
      if path.is_file():
        with path.open("rb") as file:
          os.fsync(file.fileno())
    if output.exists():
      output.rmdir()
    half.rename(output)
  except BaseException:
    shutil.rmtree(half, ignore_errors=True)
    raise


def differences(there: Any, here: Any, path: str) -> list[str]:
  """One line per field in which two nested mappings differ."""
  if not (isinstance(there, dict) and isinstance(here, dict)):
    return [] if there == here else [f"  {path}: {there!r} there, {here!r} now"]
  lines = []
  for key in list(there) + [key for key in here if key not in there]:
    lines += differences(
      there.get(key, "absent"), here.get(key, "absent"), f"{path}.{key}"
    )
  return lines
