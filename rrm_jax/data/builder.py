"""Writes the built-in task to disk once, and reads it back by index.

A set's folder is named after everything that shapes it: another seed or width
is another folder.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from rrm_jax import config
from rrm_jax.data import arithmetic, storage
from rrm_jax.records import Comparison, Message

_TEXTS = ("uid", "query", "response_1", "response_2", "subset")
_SPLITS: tuple[arithmetic.Split, ...] = ("train", "test")


class ArithmeticComparisons(tfds.core.GeneratorBasedBuilder):
  """The arithmetic task's comparisons, in the order of their index."""

  # Raise it whenever `arithmetic.comparison` draws something else.
  VERSION = tfds.core.Version("1.0.0")
  # TFDS looks for checksums of downloads beside the code; there are none, and
  # its way of finding the code needs a package which it does not require.
  code_path = None

  def __init__(self, task: config.Data, seed: int, data_dir: Path):
    self._task = task
    self._seed = seed
    super().__init__(data_dir=data_dir, file_format="array_record")

  def _info(self) -> tfds.core.DatasetInfo:
    texts = {name: tfds.features.Text() for name in _TEXTS}
    return storage.LocalInfo(
      builder=self,
      description=self.__doc__,
      features=tfds.features.FeaturesDict({**texts, "label": np.int64}),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    del dl_manager  # nothing is downloaded
    return {
      split: self._generate_examples(split, count)
      for split, count in _counts(self._task).items()
    }

  def _generate_examples(
    self, split: arithmetic.Split, count: int
  ) -> Iterator[tuple[int, dict]]:
    for index in range(count):
      row = arithmetic.comparison(self._task, self._seed, split, index)
      yield (
        index,
        {
          "uid": row.uid,
          "query": row.query,
          "response_1": row.responses[0],
          "response_2": row.responses[1],
          "label": row.label,
          "subset": row.subset,
        },
      )


def prepare(task: config.Data, seed: int, folder: Path) -> None:
  """Writes both splits below `folder`, unless they are there.

  Raises:
    ValueError: the task's fields make no sense, or `folder` is a file.
  """
  _counts(task)
  arithmetic.comparison(task, seed, "train", 0)  # refuses before it writes
  storage.write_once(
    _place(task, seed, folder),
    lambda staging: ArithmeticComparisons(task, seed, staging),
  )


def load(
  task: config.Data, seed: int, split: arithmetic.Split, folder: Path
) -> storage.Stored[Comparison]:
  """Opens a split which `prepare` wrote with the same arguments.

  Raises:
    ValueError: it was not written, or has not all its comparisons.
  """
  place = _place(task, seed, folder)
  if not place.is_dir():
    raise ValueError(
      f"{place} does not exist; write it with builder.prepare(task, seed, "
      "folder) and the same arguments"
    )
  builder = ArithmeticComparisons(task, seed, place)
  count = _counts(task)[split]
  info = builder.info.splits.get(split)
  if info is None or info.num_examples != count:
    found = 0 if info is None else info.num_examples
    raise ValueError(
      f"{place} has {found} comparisons in split {split!r}, not {count}; "
      "delete it and prepare it again"
    )
  return storage.Stored(builder.as_data_source(split), _comparison)


def _comparison(row: Mapping[str, Any]) -> Comparison:
  """A record as TFDS gives it, with texts as bytes, made ours again."""
  uid, query, first, second, subset = (row[name].decode() for name in _TEXTS)
  return Comparison(
    uid=uid,
    conversation=(Message("user", query),),
    responses=(first, second),
    label=int(row["label"]),
    subset=subset,
    source=arithmetic.SOURCE,
  )


def _counts(task: config.Data) -> dict[arithmetic.Split, int]:
  counts = dict(zip(_SPLITS, (task.num_train, task.num_test), strict=True))
  for split, count in counts.items():
    if count < 1:
      raise ValueError(f"data.num_{split}={count} must be at least 1")
  return counts


def _place(task: config.Data, seed: int, folder: Path) -> Path:
  """The set's folder: readable at the front, unmistakable at the end."""
  shape: dict[str, str | int] = {
    "operators": task.operators,
    "min_terms": task.min_terms,
    "max_terms": task.max_terms,
    "num_train": task.num_train,
    "num_test": task.num_test,
    "seed": seed,
    "version": str(ArithmeticComparisons.VERSION),
  }
  digest = hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:16]
  return Path(folder) / (
    f"arithmetic-{task.min_terms}to{task.max_terms}-seed{seed}-{digest}"
  )
