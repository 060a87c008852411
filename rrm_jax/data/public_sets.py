"""Public data sets, by name.

They are not part of the project. A name stands for a folder below the one that
RRM_SHARED names; NAME=FOLDER reads the set from another, or from a file if its
splits are files. A folder holds the set as it was published: a copy of its
Hugging Face repository, or of the one on GitHub; or it is one that
tools.prepare_data has kept.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from rrm_jax.data import (
  gsm8k,
  humanevalpack,
  judgebench,
  kept,
  llmbar,
  own_files,
  pandalm,
  places,
  ppe,
  preference_sets,
  reading,
  rewardbench,
  rm_bench,
  rmb,
  rows,
)
from rrm_jax.records import Candidates, Comparison

_LOG = logging.getLogger(__name__)
_HUB, _GITHUB = places.HUB, places.GITHUB


@dataclasses.dataclass(frozen=True)
class PublicSet:
  """Where a set is, how to fetch it, and who reads it.

  Attributes:
    folder: Below that of RRM_SHARED.
    fetch: The command which fetches it; the folder comes after it.
    read: Reads its comparisons from a folder.
    groups: Reads its groups of candidates, if it has some.
    size: How many comparisons the whole set has; 0 if that is not known.
  """

  folder: str
  fetch: str
  read: Callable[[Path], reading.Reading[Comparison]]
  groups: Callable[[Path], reading.Reading[Candidates]] | None = None
  size: int = 0

  @property
  def place(self) -> places.Place:
    """Where it is, and how to fetch it."""
    return places.Place(self.folder, self.fetch)


def _ppe(part: str, repository: str) -> PublicSet:
  return PublicSet(
    f"ppe/{part}",
    _HUB.format(f"lmarena-ai/PPE-{repository}-Best-of-K"),
    functools.partial(ppe.read, part=part),
    functools.partial(ppe.read_groups, part=part),
    2_560,
  )


_GSM8K_FETCH = _GITHUB.format("openai/grade-school-math")
_JUDGEBENCH_FETCH = _HUB.format("ScalerLab/JudgeBench")
_SKYWORK_FETCH = _HUB.format("Skywork/Skywork-Reward-Preference-80K-v0.2")
_CODE_FETCH = _HUB.format("Vezora/Code-Preference-Pairs")
_REWARDBENCH_2 = "allenai/reward-bench-2"

BENCHMARKS: Mapping[str, PublicSet] = {
  "rewardbench": PublicSet(
    "rewardbench",
    _HUB.format("allenai/reward-bench"),
    rewardbench.read,
    size=2_985,
  ),
  "rewardbench2": PublicSet(
    "rewardbench2",
    _HUB.format(_REWARDBENCH_2),
    rewardbench.read_pairs,
    rewardbench.read_groups,
    3 * 1_763,
  ),
  "pandalm": PublicSet(
    "pandalm", _GITHUB.format("WeOpenML/PandaLM"), pandalm.read, size=999
  ),
  "ppe/mmlu-pro": _ppe("mmlu-pro", "MMLU-Pro"),
  "ppe/math": _ppe("math", "MATH"),
  "ppe/gpqa": _ppe("gpqa", "GPQA"),
  "rm-bench": PublicSet(
    "rm-bench",
    _HUB.format("THU-KEG/RM-Bench"),
    rm_bench.read,
    size=9 * 1_327,
  ),
  "rmb": PublicSet(
    "rmb", _GITHUB.format("Zhou-Zoey/RMB-Reward-Model-Benchmark"), rmb.read
  ),
  "judgebench": PublicSet(
    "judgebench",
    _JUDGEBENCH_FETCH,
    functools.partial(judgebench.read, split="gpt"),
    size=350,
  ),
  "judgebench/claude": PublicSet(
    "judgebench",
    _JUDGEBENCH_FETCH,
    functools.partial(judgebench.read, split="claude"),
    size=270,
  ),
  "llmbar": PublicSet(
    "llmbar/LLMBar",
    _GITHUB.format("princeton-nlp/LLMBar"),
    llmbar.read,
    size=419,
  ),
  "humanevalpack": PublicSet(
    "humanevalpack",
    _HUB.format("bigcode/humanevalpack"),
    humanevalpack.read,
    size=6 * 164,
  ),
  "gsm8k": PublicSet(
    "gsm8k", _GSM8K_FETCH, gsm8k.read, gsm8k.read_groups, 2_429
  ),
}

TRAINING_SETS: Mapping[str, PublicSet] = {
  "gsm8k/train": PublicSet(
    "gsm8k", _GSM8K_FETCH, functools.partial(gsm8k.read, split="train")
  ),
  "gsm8k/test": PublicSet(
    "gsm8k", _GSM8K_FETCH, functools.partial(gsm8k.read, split="test")
  ),
  "skywork": PublicSet("skywork", _SKYWORK_FETCH, preference_sets.skywork),
  "skywork/rm-r1": PublicSet(
    "skywork",
    _SKYWORK_FETCH,
    functools.partial(preference_sets.skywork, rm_r1=True),
  ),
  "code-preference": PublicSet(
    "code-preference", _CODE_FETCH, preference_sets.code_preference
  ),
  "code-preference/rm-r1": PublicSet(
    "code-preference",
    _CODE_FETCH,
    functools.partial(preference_sets.code_preference, rm_r1=True),
  ),
  "math-step-dpo": PublicSet(
    "math-step-dpo",
    _HUB.format("xinlai/Math-Step-DPO-10K"),
    preference_sets.math_step_dpo,
  ),
  "tulu3": PublicSet(
    "tulu3",
    _HUB.format("allenai/llama-3.1-tulu-3-8b-preference-mixture"),
    preference_sets.tulu3,
  ),
}

SETS: Mapping[str, PublicSet] = {**BENCHMARKS, **TRAINING_SETS}
# All parts of a benchmark, judged as one.
WHOLES: Mapping[str, tuple[str, ...]] = {
  "ppe": ("ppe/mmlu-pro", "ppe/math", "ppe/gpqa"),
}
# Those with groups of candidates.
GROUPED = (*(name for name, one in SETS.items() if one.groups), *WHOLES)


def resolve(spec: str) -> list[Comparison]:
  """Finds comparisons by a set's name, or by the path of a file or kept set.

  A file is JSONL, JSON or Parquet; a kept set is a folder which
  tools.prepare_data has written.

  "gsm8k" is all verified solution pairs; "gsm8k/train" and "gsm8k/test" are
  two parts which share no question. A model trained on pairs must be measured
  on "gsm8k/test".

  What one should know of the data is logged.

  Raises:
    ValueError: the folder of a named set cannot be found, or its files or
      the file cannot be read.
  """
  found = read(spec)
  for note, count in found.notes.items():
    _LOG.info("%s: %d %s", spec, count, note)
  return found.items


def read(spec: str) -> reading.Reading[Comparison]:
  """Like `resolve`, with what one should know of the data as counts.

  Raises:
    ValueError: as `resolve`.
  """
  found = _found(spec)
  name = spec.partition("=")[0]
  size = SETS[name].size if name in SETS else 0
  if size and len(found.items) != size:
    found.notes[f"of {name}'s {size} comparisons are there"] = len(found.items)
  reading.count_repeats(found.items, found.notes)
  reading.count_labels(found.items, found.notes)
  return found


def groups(spec: str) -> reading.Reading[Candidates]:
  """Finds a set's groups of candidates by its name.

  Raises:
    ValueError: no such set has groups, or as `resolve`.
  """
  name, _, folder = spec.partition("=")
  if name in WHOLES:
    parts = (groups(_part(spec, part)) for part in WHOLES[name])
    return reading.joined(parts)
  one = SETS.get(name)
  if one is None or one.groups is None:
    raise ValueError(
      f"{name!r} has no groups of candidates; the sets which have are "
      f"{', '.join(GROUPED)}"
    )
  return places.read(name, one.place, one.groups, folder)


def files(spec: str) -> list[Path]:
  """The data files of a set, or the file that the spec is the path of.

  Raises:
    ValueError: the folder of a named set cannot be found.
  """
  name, _, folder = spec.partition("=")
  if name in WHOLES:
    return [file for part in WHOLES[name] for file in files(_part(spec, part))]
  if name not in SETS:
    return [Path(spec)]
  place = places.find(name, SETS[name].place, folder)
  if place.is_file():
    return [place]
  return sorted(
    path for path in place.rglob("*") if path.suffix in rows.SUFFIXES
  )


def name(spec: str) -> str:
  """The name of the set that a spec stands for, "" for that of a file."""
  found = spec.partition("=")[0]
  return found if found in SETS or found in WHOLES else ""


def _part(spec: str, part: str) -> str:
  """`ppe=FOLDER` has its parts in FOLDER/mmlu-pro and so on."""
  _, equals, folder = spec.partition("=")
  if not equals:
    return part
  return f"{part}={Path(folder) / part.partition('/')[2]}"


def _found(spec: str) -> reading.Reading[Comparison]:
  name, _, folder = spec.partition("=")
  if kept.has_comparisons(Path(folder or spec)):
    return _counted(list(kept.comparisons(Path(folder or spec))))
  if name in WHOLES:
    return reading.joined(read(_part(spec, part)) for part in WHOLES[name])
  if name in SETS:
    return places.read(name, SETS[name].place, SETS[name].read, folder)
  try:
    return _counted(own_files.read(Path(spec)))
  except ValueError as error:
    if Path(spec).exists():
      raise
    raise ValueError(
      f"{error}, or one of the names {', '.join([*SETS, *WHOLES])}"
    ) from None


def _counted(items: list[Comparison]) -> reading.Reading[Comparison]:
  """Comparisons of no published form, with what one should know of them."""
  notes = reading.Notes()
  for one in items:
    reading.count_texts(one.responses, notes)
  return reading.Reading(items, notes)
