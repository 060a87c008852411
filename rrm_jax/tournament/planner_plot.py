"""The planner's picture: accuracy by judgements, a chart for each judge."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rrm_jax.tournament.planner import Row

# Okabe & Ito's colours, with a marker each: told apart with any colour vision.
_LOOKS = {
  "active": ("#D55E00", "o"),
  "knockout": ("#0072B2", "s"),
  "swiss": ("#009E73", "^"),
  "round_robin": ("#CC79A7", "D"),
}
_INK, _FAINT, _GRID = "#333333", "#767676", "#E4E4E4"


def plot(path: Path, rows: Sequence[Row]) -> None:
  """Draws `planner.simulate`'s rows into a PNG file.

  Raises:
    ValueError: there are no rows.
  """
  if not rows:
    raise ValueError("there are no rows to draw; simulate at least one judge")
  errors = sorted({row.error for row in rows})
  width = max(4.6, 0.6 + 3.7 * len(errors))
  figure = Figure(figsize=(width, 4.4), dpi=200, layout="constrained")
  charts = figure.subplots(1, len(errors), sharey=True, squeeze=False)[0]
  for chart, error in zip(charts, errors, strict=True):
    _draw(chart, [row for row in rows if row.error == error])
    chart.set_title(
      f"judge errs in {100 * error:g} %", loc="left", fontsize=11, color=_INK
    )
  charts[0].set_ylim(-0.01, 1.01)
  charts[0].set_ylabel("best of N is right", fontsize=11, color=_INK)
  charts[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
  figure.supxlabel("judgements per prompt", fontsize=11, color=_INK)
  handles, labels = charts[0].get_legend_handles_labels()
  figure.legend(
    handles, labels, loc="outside upper left", ncols=len(labels),
    frameon=False, labelcolor=_INK,
  )  # fmt: skip
  figure.savefig(path)


def _draw(chart: Axes, rows: Sequence[Row]) -> None:
  for strategy, (colour, marker) in _LOOKS.items():
    line = [row for row in rows if row.strategy == strategy]
    line.sort(key=lambda row: row.judgements)
    price = [row.judgements for row in line]
    chart.plot(
      price, [row.accuracy.mean for row in line], color=colour, marker=marker,
      markersize=5, markeredgecolor="white", markeredgewidth=0.7,
      linewidth=1.8, clip_on=False, zorder=3,
      label=strategy.replace("_", " "),
    )  # fmt: skip
    chart.fill_between(
      price, [row.accuracy.low for row in line],
      [row.accuracy.high for row in line], color=colour, alpha=0.13,
      linewidth=0,
    )  # fmt: skip
  chart.grid(axis="y", color=_GRID, linewidth=0.8)
  chart.set_axisbelow(True)
  chart.spines[["top", "right", "left"]].set_visible(False)
  chart.spines["bottom"].set_color(_FAINT)
  chart.tick_params(axis="y", length=0, labelcolor=_INK)
  chart.tick_params(axis="x", color=_FAINT, labelcolor=_INK)
  chart.set_xlim(left=0)
  chart.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
