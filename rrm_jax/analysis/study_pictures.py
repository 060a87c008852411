"""The pictures of a study: each chart that has something to show."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rrm_jax.analysis import judge_plots, plots
from rrm_jax.analysis.charts import Curves
from rrm_jax.analysis.tables import cut


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
    "accuracy": plots.accuracy_by_difficulty,
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
  """The rows of each chart, by name; without rows where it was not measured.

  Each judge is in each of its charts, though without rows: so it has the same
  colour in all.
  """
  judges = report["judges"]
  budgets = {"longer thinking": report.get("budgets") or []}
  votes = {name: one["votes"] for name, one in judges.items()}
  spent = {"more votes" if len(votes) == 1 else n: v for n, v in votes.items()}
  spent = {**spent, **budgets}
  compared = report.get("compared")
  gained = compared["paired"]["subsets"] if compared else []
  less = "\nless ".join(cut(name, 17) for name in reversed(judges))
  return {
    "accuracy": _several(_each(judges, "summary", "subsets")),
    "votes": _joined(votes),
    "budgets": budgets,
    "tokens": _joined(
      {
        name: [row for row in rows if row["tokens"]]
        for name, rows in spent.items()
      }
    ),
    "length_by_subset": _several(
      _thinking(judges, _each(judges, "length", "subsets"))
    ),
    "right_by_length": _joined(
      _thinking(judges, {n: one["by_thought"] for n, one in judges.items()})
    ),
    "length_by_errors": _joined(
      _thinking(judges, _each(judges, "by_agreement", "levels"))
    ),
    "patterns": _seen(
      {name: one["patterns"] or [] for name, one in judges.items()}, "share"
    ),
    "position": _several(
      _measured(_each(judges, "position", "subsets"), "first_rate")
    ),
    "length_bias": _lengths(judges),
    "calibration": _joined(_each(judges, "calibration", "bands")),
    "flips": _several(_measured(_rates(judges, "flips"), "rate")),
    "invalid": _several(_seen(_rates(judges, "invalid"), "rate")),
    "difference": _several({less: gained}),
  }


def _each(judges: Mapping, part: str, rows: str) -> dict[str, list[dict]]:
  return {name: one[part][rows] for name, one in judges.items()}


def _thinking(judges: Mapping, curves: Curves) -> dict[str, Sequence[Mapping]]:
  """The rows of judges that think."""
  return {
    name: rows if judges[name]["summary"]["thinking_tokens"] else []
    for name, rows in curves.items()
  }


def _several(curves: Curves) -> Curves:
  """None of one subset alone: what it has stands in the tables."""
  subsets = {row["subset"] for rows in curves.values() for row in rows}
  return curves if len(subsets) > 1 else {}


def _joined(curves: Curves) -> Curves:
  """None where no two points are there to join."""
  return curves if max(map(len, curves.values()), default=0) > 1 else {}


def _seen(curves: Curves, y: str) -> Curves:
  """None where all are 0."""
  seen = any(row[y] for rows in curves.values() for row in rows)
  return curves if seen else {}


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
