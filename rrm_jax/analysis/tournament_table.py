"""A tournament's report as text for the terminal."""

import textwrap
from collections.abc import Mapping

from rrm_jax.analysis.tables import (
  WIDTH,
  cut,
  files,
  interval,
  number,
  percent,
  tables,
)

_MOST_ROWS = 16
_MOST_POINTS = 8
_WAYS = ("random", "majority", "chosen", "oracle")


def readable(report: Mapping) -> str:
  """The report in tables of fixed width, at most 80 columns.

  Args:
    report: As `tournament.report.figures` gives it; with `name`, `model`,
      its `weights`, whether it is `simulated`, `files`, and `published`: what
      `benchmarks.best_of.report` gives.

  Returns:
    Lines of ASCII, no trailing newline. Accuracies are percentages, with 95%
    intervals in brackets.
  """
  parts = [
    _head(report),
    *_published(report.get("published") or {}),
    *_best_of(report.get("best_of") or {}),
    *_curve((report.get("best_of") or {}).get("curve") or []),
    *_leaderboard(report.get("leaderboard") or []),
    *_judge(report.get("judge") or {}, report["consistency"]),
    *files(report.get("files") or {}),
  ]
  return "\n\n".join(parts)


def _head(report: Mapping) -> str:
  schedule = report["schedule"]
  per = f"{report['judgements_per_prompt']:.1f}"
  who = f"{report['model']} {report['weights']}".strip()
  lines = [
    f"{cut(str(report['name']), WIDTH - 30)}, {schedule['strategy']}, "
    f"seed {schedule['seed']}",
    f"  judge: {cut(who, WIDTH - 12)}",
    f"  {report['prompts']} prompts, {report['candidates']} candidates, "
    f"{report['judgements']} judgements ({per} a prompt), "
    f"{report['rounds']} rounds",
  ]
  if report["simulated"]:
    lines.insert(1, "  SIMULATED: no model judged; this is for planning")
  return "\n".join(lines)


def _published(found: Mapping) -> list[str]:
  """The benchmark's own score, whole and by its parts."""
  if not found:
    return []
  rows = {"overall": [interval({**found, "accuracy": found["overall"]})]}
  rows |= {part["name"]: [interval(part)] for part in found["parts"]}
  title = f"By the benchmark's rule, %: {found['rule']}"
  return tables("\n  ".join(textwrap.wrap(title, WIDTH - 2)), [""], rows, 22)


def _best_of(found: Mapping) -> list[str]:
  rows = {way: [interval(found[way])] for way in _WAYS if found.get(way)}
  title = f"Best of N on {found.get('prompts')} prompts, accuracy in %"
  return tables(title, ["[95% interval]"], rows, 22)


def _curve(points: list) -> list[str]:
  step = -(-len(points) // _MOST_POINTS)
  points = points[::-1][:: max(1, step)][::-1]  # the last one is the whole
  heads = [number(point["judgements"], "{:.3g}") for point in points]
  rows = {"accuracy": [percent(point["accuracy"]) for point in points]}
  return tables("Accuracy by judgements a prompt, %", heads, rows, 7)


def _leaderboard(rows: list) -> list[str]:
  cells = {
    f"candidate {row['candidate']}": [
      f"{row['bradley_terry']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]",
      number(row["elo"], "{:.1f}"),
      percent(row["win_rate"]),
      percent(row["accuracy"]),
    ]
    for row in rows[:_MOST_ROWS]
  }
  more = len(rows) - _MOST_ROWS
  title = "By place in the data" + (f", {more} more not shown" * (more > 0))
  widths = ["Bradley-Terry", "Elo", "wins %", "correct %"]
  return _wide(title, widths, cells)


def _wide(title: str, heads: list, rows: Mapping) -> list[str]:
  """A table whose first column holds an interval."""
  if not rows:
    return []
  lines = [title]
  for name, cells in {"": heads, **rows}.items():
    first, *rest = cells
    line = f"  {name:<14}{first:>22}" + "".join(f"{c:>12}" for c in rest)
    lines.append(line.rstrip())
  return ["\n".join(lines)]


def _judge(judge: Mapping, consistency: Mapping) -> list[str]:
  triples = consistency["triples"]
  rows = {
    "judge": [
      number(judge.get("thinking_tokens"), "{:.1f}"),
      percent(judge.get("invalid_rate")),
      percent(judge.get("first_rate")),
      percent(judge.get("flip_rate")),
      percent(judge.get("accuracy")),
      percent(consistency["cyclic"] / triples if triples else None),
    ]
  }
  heads = [
    "thinking",
    "invalid %",
    "first %",
    "flipped %",
    "right %",
    "cyclic %",
  ]
  return tables("The judge", heads, rows, 10)
