"""Says how a judge spends, errs and leans, from what it said; no model needed.

  python -m tools.analyse --judgements=A/judgements.jsonl --output=DIR \
    [--against=B/judgements.jsonl] [--data=SPEC] [--invalid=0.5] \
    [--budgets=256=C/judgements.jsonl,1024=D/judgements.jsonl]

--judgements is what launch.evaluate wrote. --against is another judge on the
same comparisons: the two are compared pair by pair, B less A. --data, what was
judged, is needed for length bias alone, as judgements do not hold the
responses. --budgets are runs under other thinking budgets, in tokens.

Writes DIR/report.json, a PNG for each chart, and prints tables.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import app, flags

from launch import setup
from rrm_jax.analysis import study, study_pictures, study_table
from rrm_jax.data import public_sets
from rrm_jax.judgements import files
from rrm_jax.records import Comparison

_JUDGEMENTS = flags.DEFINE_string(
  "judgements", None, "The judgements.jsonl of a run.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_AGAINST = flags.DEFINE_string(
  "against", "", "The judgements.jsonl of another judge."
)
_DATA = flags.DEFINE_string(
  "data", "", "What was judged: a benchmark's name, or a JSONL file."
)
_BUDGETS = flags.DEFINE_list(
  "budgets", [], "TOKENS=FILE for runs under thinking budgets."
)
_INVALID = flags.DEFINE_float(
  "invalid", 0.5, "What an answer without a verdict scores."
)


def names(paths: Sequence[Path]) -> list[str]:
  """What to call runs: their folders, or whole paths where those are alike.

  Raises:
    ValueError: two are the same.
  """
  if len(set(paths)) < len(paths):
    raise ValueError(f"--against={paths[0]} is the very file of --judgements")
  folders = [path.resolve().parent.name for path in paths]
  alike = len(set(folders)) < len(paths)
  return [str(path) for path in paths] if alike else folders


def study_of(
  runs: Mapping[str, files.Run],
  budgets: Mapping[int, files.Run],
  responses: Mapping[str, Comparison],
  invalid: float,
) -> dict:
  """The report on one judge or two.

  Args:
    runs: By the judge's name.
    budgets: One judge's, by thinking budget.
    responses: What was judged, by uid, where it is known.
    invalid: What an answer without a verdict scores.

  Raises:
    ValueError: runs disagree on what they judged, or have nothing to compare.
  """
  known = _known([*runs.values(), *budgets.values()], responses)
  report: dict = {
    "invalid": invalid,
    "judges": {
      name: study.figures(run.judgements, known, invalid)
      for name, run in runs.items()
    },
  }
  if len(runs) == 2:
    first, second = (run.judgements for run in runs.values())
    report["compared"] = study.compared(first, second, known, invalid)
  if budgets:
    made = {tokens: run.judgements for tokens, run in budgets.items()}
    report["budgets"] = study.budgets(made, known, invalid)
  return report


def _known(
  runs: Sequence[files.Run], responses: Mapping[str, Comparison]
) -> dict[str, Comparison]:
  """All comparisons, with their texts where they are known.

  Raises:
    ValueError: labels or subsets differ, or a text is missing.
  """
  known: dict[str, Comparison] = {}
  for run in runs:
    for uid, one in run.comparisons.items():
      first = known.setdefault(uid, one)
      if (first.label, first.subset) != (one.label, one.subset):
        raise ValueError(
          f"{one.source} says label {one.label} and subset {one.subset!r} of "
          f"{uid!r}, {first.source} {first.label} and {first.subset!r}; these "
          "are runs on different data"
        )
  if not responses:
    return known
  for uid, one in known.items():
    text = responses.get(uid)
    if text is None or text.label != one.label:
      raise ValueError(
        f"{one.source} judges {uid!r} with label {one.label}, which --data "
        f"{'does not have' if text is None else 'labels otherwise'}; give what "
        "was judged"
      )
    known[uid] = dataclasses.replace(text, subset=one.subset, source=one.source)
  return known


def _budgets(given: Sequence[str]) -> dict[int, files.Run]:
  """The runs of --budgets.

  Raises:
    ValueError: one is not TOKENS=FILE, or its file cannot be read.
  """
  found = {}
  for one in given:
    tokens, equals, path = one.partition("=")
    if not (equals and tokens.isdecimal()):
      raise ValueError(
        f"--budgets: {one!r} must be TOKENS=FILE, as in "
        "1024=runs/b1024/judgements.jsonl"
      )
    found[int(tokens)] = files.read(Path(path))
  return found


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  output = Path(_OUTPUT.value)
  paths = [Path(p) for p in (_JUDGEMENTS.value, _AGAINST.value) if p]
  try:
    runs = [files.read(path) for path in paths]
    texts = public_sets.resolve(_DATA.value) if _DATA.value else []
    report = study_of(
      dict(zip(names(paths), runs, strict=True)),
      _budgets(_BUDGETS.value),
      {one.uid: one for one in texts},
      _INVALID.value,
    )
  except ValueError as error:
    setup.fail(error)
    return 1
  output.mkdir(parents=True, exist_ok=True)
  place = output / "report.json"
  report["files"] = {
    "report": str(place),
    **study_pictures.draw(report, output),
  }
  place.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
  print(study_table.readable(report))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
