"""Verifiable questions, and sampled answers to them, by name or by path."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from rrm_jax.data import places, problems, reading, samples
from rrm_jax.data.places import Place

_GSM8K = Place("gsm8k", places.GITHUB.format("openai/grade-school-math"))
_WEBINSTRUCT = "TIGER-Lab/WebInstruct-verified"
_TORA = Place("tora_gsm8k", places.GITHUB.format("microsoft/ToRA"))

PROBLEMS: Mapping[
  str, tuple[Place, Callable[[Path], reading.Reading[problems.Problem]]]
] = {
  "gsm8k/train": (_GSM8K, problems.grade_school),
  "gsm8k/test": (
    _GSM8K,
    functools.partial(problems.grade_school, split="test"),
  ),
  "webinstruct": (
    Place("webinstruct", places.HUB.format(_WEBINSTRUCT)),
    problems.webinstruct,
  ),
}

SAMPLES: Mapping[
  str, tuple[Place, Callable[[Path], reading.Reading[samples.Sample]]]
] = {
  "gsm8k/solutions": (_GSM8K, samples.gsm8k_solutions),
  "gsm8k/train": (_GSM8K, samples.gsm8k_references),
  "gsm8k/test": (
    _GSM8K,
    functools.partial(samples.gsm8k_references, split="test"),
  ),
  "tora": (_TORA, samples.tora),
}


def find_problems(spec: str) -> reading.Reading[problems.Problem]:
  """Problems by a name, NAME=FOLDER, or the path of a file of rows.

  Raises:
    ValueError: there is no such set, or it cannot be read.
  """
  return _found(spec, PROBLEMS, problems.read_file)


def find_samples(spec: str) -> reading.Reading[samples.Sample]:
  """Sampled answers by a name, NAME=FOLDER, or the path of a file of rows.

  Raises:
    ValueError: there is no such set, or it cannot be read.
  """
  return _found(spec, SAMPLES, samples.read_file)


def _found(
  spec: str,
  known: Mapping[
    str, tuple[Place, Callable[[Path], reading.Reading[reading.Item]]]
  ],
  read_file: Callable[[Path], reading.Reading[reading.Item]],
) -> reading.Reading[reading.Item]:
  name, _, folder = spec.partition("=")
  if name in known:
    place, read = known[name]
    return places.read(name, place, read, folder)
  try:
    return read_file(Path(spec))
  except ValueError as error:
    if Path(spec).exists():
      raise
    raise ValueError(f"{error}, or one of {', '.join(known)}") from None
