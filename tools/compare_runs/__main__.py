"""Whether one run of launch.evaluate is better than another, by a paired test.

  python -m tools.compare_runs FOLDER FOLDER [--invalid=0.5] [--output=FILE]

Both runs must be on one data set: what only one of them judged is left out and
counted. Prints the second run less the first, with an interval and a p-value of
random signs, by the benchmark's rule and by the plain mean; comparisons of one
query go together in both, and each for itself in McNemar's exact test. FILE
gets the same as JSON, for each subset.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import app, flags
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from launch import setup
from rrm_jax.train.report import write_json
from tools.compare_runs import pairing

_INVALID = flags.DEFINE_float("invalid", 0.5, "What no verdict is worth.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file to write, if any.")


def _printed(
  found: Mapping, runs: Sequence[pairing.Run], names: Sequence[str]
) -> None:
  console = Console(highlight=False)
  for place, (name, run) in enumerate(zip(names, runs, strict=True), 1):
    who = f"{run.report['model']} {run.report['weights']}".strip()
    line = f"{place}: {name}: {who} on {run.report['name']}"
    console.print(escape(line), soft_wrap=True)  # paths stay whole
  console.print(
    f"{found['comparisons']} labelled comparisons in both, "
    f"{found['unpaired']} in one of them only"
  )
  table = Table("%", "1", "2", "2 - 1 [95 %]", "p")
  for rule, scores in (found["benchmark"] or {}).items():
    if scores is not None:
      _add(table, rule.replace("_", " "), scores)
  table.add_row(
    "plain mean",
    *(_percent(found[which]["accuracy"]) for which in ("first", "second")),
    _gap(found["difference"], found["low"], found["high"]),
    f"{found['p']:.4g}",
  )
  console.print(table)
  if found["unscored"]:
    console.print(escape(f"no published score: {found['unscored']}"))
  one = found["mcnemar"]
  console.print(
    f"Majorities: {one['only_first']} right by 1 alone, "
    f"{one['only_second']} by 2 alone, {one['undecided']} even; McNemar's "
    f"p = {one['p']:.4g}"
  )
  for line in _shared(found):
    console.print(line)


def _shared(found: Mapping) -> list[str]:
  """A warning where comparisons are of fewer queries."""
  if found["queries"] == found["comparisons"]:
    return []
  return [
    f"They are of {found['queries']} queries: McNemar's p is too small, as it "
    "takes comparisons as independent"
  ]


def _add(table: Table, rule: str, scores: Mapping) -> None:
  """A line for the score, and one for each part."""
  first, second, gap = (
    scores[which] for which in ("first", "second", "difference")
  )
  table.add_row(
    rule,
    _percent(first["overall"]),
    _percent(second["overall"]),
    _gap(gap["overall"], gap["low"], gap["high"]),
    f"{gap['p']:.4g}",
  )
  for one, other, less in zip(
    first["parts"], second["parts"], gap["parts"], strict=True
  ):
    table.add_row(
      escape(f"  {one['name']}"),
      _percent(one["accuracy"]),
      _percent(other["accuracy"]),
      _gap(less["accuracy"], less["low"], less["high"]),
      "",
    )


def _percent(share: float) -> str:
  return f"{100 * share:.1f}"


def _gap(mean: float, low: float | None, high: float | None) -> str:
  text = f"{100 * mean:+.1f}"
  if low is None or high is None:
    return text
  return escape(f"{text} [{100 * low:+.1f}, {100 * high:+.1f}]")


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) != 3:
    raise app.UsageError("give the folders of two runs of launch.evaluate")
  setup.quiet_logs()
  try:
    runs = [pairing.read(Path(name)) for name in argv[1:]]
    found = pairing.compare(runs[0], runs[1], _INVALID.value)
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  _printed(found, runs, argv[1:])
  if _OUTPUT.value:
    write_json(Path(_OUTPUT.value), found)
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
