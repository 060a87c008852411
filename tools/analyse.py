r"""Says how a judge spends, errs and leans, from what it said; no model needed.

  python -m tools.analyse --judgements=A/judgements.jsonl --output=DIR \
    [--against=B/judgements.jsonl] [--invalid=0.5] [--patterns=FILE.json] \
    [--budgets=256=C/judgements.jsonl,1024=D/judgements.jsonl]

--judgements is what launch.evaluate wrote. --against is another judge on the
same comparisons: the two are compared pair by pair, B less A. --budgets are
runs under other thinking budgets, in tokens. --patterns names the words that
are counted in thoughts, {"KIND": ["WORD OR PHRASE", ...]}, in place of the
lists of `analysis/patterns.py`.

Writes DIR/report.json, a PNG for each chart, and prints tables.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import app, flags

from launch import setup
from rrm_jax.analysis import patterns, study, study_pictures, study_table
from rrm_jax.judgements import files
from rrm_jax.records import Comparison

_JUDGEMENTS = flags.DEFINE_string(
  "judgements", None, "The judgements.jsonl of a run.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_AGAINST = flags.DEFINE_string(
  "against", "", "The judgements.jsonl of another judge."
)
_PATTERNS = flags.DEFINE_string(
  "patterns", "", "JSON file with the words of each kind to count in thoughts."
)
_BUDGETS = flags.DEFINE_list(
  "budgets", [], "TOKENS=FILE for runs under thinking budgets."
)
_INVALID = flags.DEFINE_float(
  "invalid", 0.5, "What an answer without a verdict scores."
)


def names(paths: Sequence[Path]) -> list[str]:
  """What to call runs: the last parts in which their paths differ.

  Of A/llmbar/judgements.jsonl and B/llmbar/judgements.jsonl A and B; one run
  alone is called by its folder.

  Raises:
    ValueError: two are the same.
  """
  parts = [path.resolve().parts for path in paths]
  if len(parts) == 1:
    return [parts[0][-2]]
  if len(set(parts)) < len(parts):
    raise ValueError(f"--against={paths[0]} is the very file of --judgements")
  while len({ends[-1] for ends in parts}) == 1:
    parts = [ends[:-1] for ends in parts]
  return [ends[-1] for ends in parts]


def study_of(
  runs: Mapping[str, files.Run],
  budgets: Mapping[int, files.Run],
  kinds: patterns.Patterns,
  invalid: float,
) -> dict:
  """The report on one judge or two.

  Args:
    runs: By the judge's name.
    budgets: One judge's, by thinking budget.
    kinds: The words to count in thoughts.
    invalid: What an answer without a verdict scores.

  Raises:
    ValueError: runs disagree on what they judged, or have nothing to compare.
  """
  known = _known([*runs.values(), *budgets.values()])
  report: dict = {
    "invalid": invalid,
    "judges": {
      name: study.figures(run.judgements, known, run.lengths, kinds, invalid)
      for name, run in runs.items()
    },
  }
  if len(runs) == 2:
    first, second = (run.judgements for run in runs.values())
    report["compared"] = study.compared(first, second, known, kinds, invalid)
  if budgets:
    made = {tokens: run.judgements for tokens, run in budgets.items()}
    report["budgets"] = study.budgets(made, known, invalid)
  return report


def _known(runs: Sequence[files.Run]) -> dict[str, Comparison]:
  """All comparisons.

  Raises:
    ValueError: two runs differ on a label or subset.
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
  paths = [Path(p) for p in (_JUDGEMENTS.value, _AGAINST.value) if p]
  try:
    output = setup.output_folder(_OUTPUT.value)
    if (output / "judgements.jsonl").exists():
      raise ValueError(
        f"--output={output} is a run's folder, whose report would be lost; "
        "choose another folder"
      )
    runs = [files.read(path) for path in paths]
    kinds = (
      patterns.read(Path(_PATTERNS.value))
      if _PATTERNS.value
      else patterns.PATTERNS
    )
    report = study_of(
      dict(zip(names(paths), runs, strict=True)),
      _budgets(_BUDGETS.value),
      kinds,
      _INVALID.value,
    )
  except setup.TOLD as error:
    setup.fail(error)
    return 1
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
