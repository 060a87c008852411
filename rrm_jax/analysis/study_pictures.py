"""The pictures of a study: each chart that has something to show."""

from collections.abc import Mapping
from pathlib import Path

from rrm_jax.analysis import judge_plots, plots
from rrm_jax.analysis.charts import Curves


def draw(report: Mapping, folder: Path) -> dict[str, str]:
  """Draws what a report holds.

  Args:
    report: `judges`, with what `study.figures` gave by name; and, where they
      were measured, `compared` and `budgets`, as `study` gave them.
    folder: Where the PNG files go.

  Returns:
    The files by what they show.
  """
  found = _curves(report)
  chart = {
    "votes": plots.votes,
    "budgets": plots.budget,
    "tokens": judge_plots.tokens,
    "length_by_subset": plots.thinking_length,
    "right_by_length": judge_plots.by_thought,
    "length_by_errors": judge_plots.by_agreement,
    "patterns": judge_plots.patterns,
    "position": judge_plots.position,
    "length_bias": judge_plots.length_bias,
    "calibration": judge_plots.calibration,
    "flips": judge_plots.flips,
    "invalid": judge_plots.invalid,
    "difference": judge_plots.differences,
  }
  drawn = {}
  for what, curves in found.items():
    if any(curves.values()):
      path = folder / f"{what}.png"
      chart[what](path, curves)
      drawn[what] = str(path)
  return drawn


def _curves(report: Mapping) -> dict[str, Curves]:
  """The rows of each chart, by name; without rows where it was not measured."""
  judges = report["judges"]
  thinking = {
    name: one
    for name, one in judges.items()
    if one["summary"]["thinking_tokens"]
  }
  budgets = {"longer thinking": report.get("budgets") or []}
  votes = {name: one["votes"] for name, one in judges.items()}
  spent = {"more votes" if len(votes) == 1 else n: v for n, v in votes.items()}
  compared = report.get("compared")
  gained = compared["paired"]["subsets"] if compared else []
  return {
    "votes": {name: rows for name, rows in votes.items() if len(rows) > 1},
    "budgets": budgets,
    "tokens": {
      name: rows for name, rows in {**spent, **budgets}.items() if len(rows) > 1
    },
    "length_by_subset": _each(thinking, "length", "subsets"),
    "right_by_length": {n: j["by_thought"] for n, j in thinking.items()},
    "length_by_errors": _each(thinking, "by_agreement", "levels"),
    "patterns": {name: one["patterns"] or [] for name, one in judges.items()},
    "position": _measured(_each(judges, "position", "subsets"), "first_rate"),
    "length_bias": _lengths(judges),
    "calibration": _each(judges, "calibration", "bands"),
    "flips": _measured(_rates(judges, "flips"), "rate"),
    "invalid": _rates(judges, "invalid"),
    "difference": {" less ".join(reversed(judges)): gained},
  }


def _each(judges: Mapping, part: str, rows: str) -> dict[str, list[dict]]:
  return {name: one[part][rows] for name, one in judges.items()}


def _measured(curves: Curves, y: str) -> dict[str, list[Mapping]]:
  """The rows with a number."""
  return {
    name: [row for row in rows if row[y] is not None]
    for name, rows in curves.items()
  }


def _rates(judges: Mapping, what: str) -> dict[str, list[dict]]:
  return {
    name: [{"subset": row["subset"], **row[what]} for row in one["rates"]]
    for name, one in judges.items()
  }


def _lengths(judges: Mapping) -> dict[str, list[dict]]:
  """Two curves for each judge: the longer one is better, and the shorter."""
  curves = {}
  for name, one in judges.items():
    for side in ("longer", "shorter"):
      rows = (one["length_bias"] or {"ratios": []})["ratios"]
      label = f"{side} is better" if len(judges) == 1 else f"{name}, {side}"
      curves[label] = [
        {"ratio": row["ratio"], **row[f"{side}_right"]}
        for row in rows
        if row[f"{side}_right"]["comparisons"]
      ]
  return curves
