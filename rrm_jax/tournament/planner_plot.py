"""The planner's picture: accuracy by judgements, a chart for each judge."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rrm_jax.tournament.planner import Row

_COLOURS = {
  "knockout": "tab:blue",
  "swiss": "tab:green",
  "round_robin": "tab:orange",
  "active": "tab:red",
}


def plot(path: Path, rows: Sequence[Row]) -> None:
  """Draws `planner.simulate`'s rows into a PNG file.

  Raises:
    ValueError: there are no rows.
  """
  if not rows:
    raise ValueError("there are no rows to draw; simulate at least one judge")
  errors = sorted({row.error for row in rows})
  figure = Figure(figsize=(4.2 * len(errors), 3.6), layout="constrained")
  charts = figure.subplots(1, len(errors), sharey=True, squeeze=False)[0]
  for chart, error in zip(charts, errors, strict=True):
    for strategy, colour in _COLOURS.items():
      line = [r for r in rows if (r.error, r.strategy) == (error, strategy)]
      line.sort(key=lambda row: row.judgements)
      price = [row.judgements for row in line]
      chart.plot(
        price,
        [row.accuracy.mean for row in line],
        marker="o",
        markersize=3,
        color=colour,
        label=strategy.replace("_", " "),
      )
      chart.fill_between(
        price,
        [row.accuracy.low for row in line],
        [row.accuracy.high for row in line],
        color=colour,
        alpha=0.15,
        linewidth=0,
      )
    chart.set_title(f"judge errs in {100 * error:g} %")
    chart.set_xlabel("judgements per prompt")
    chart.grid(alpha=0.3)
  charts[0].set_ylabel("best of N is right")
  charts[0].legend(frameon=False)
  figure.savefig(path, dpi=150)
