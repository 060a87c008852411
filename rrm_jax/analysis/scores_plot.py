"""The picture of a report card: each part of a benchmark with its interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from rrm_jax.analysis import style

_HEIGHT = 0.32  # inches of a part


def plot(
  path: Path, curves: Mapping[str, Sequence[Mapping]], title: str
) -> None:
  """Draws scores side by side, a line for each part, as a PNG file.

  Args:
    path: The file.
    curves: By rule, rows with `name`, `accuracy`, `low` and `high`; the latter
      two may be None. Parts stand in the order of the rules' rows.
    title: What was scored.

  Raises:
    ValueError: there are no rows.
  """
  names = list(
    dict.fromkeys(r["name"] for rows in curves.values() for r in rows)
  )
  if not names:
    raise ValueError(f"{path}: there are no rows to draw")
  figure = style.figure(7.5, 1.5 + _HEIGHT * max(4, len(names)))
  axes = figure.add_subplot()
  style.dress(axes, title, "accuracy")
  looks = style.looks(curves)
  for number, (rule, rows) in enumerate(curves.items()):
    aside = (number - (len(curves) - 1) / 2) * min(0.26, 0.7 / len(curves))
    for row in rows:
      place, colour = names.index(row["name"]) + aside, looks[rule].colour
      if row["low"] is not None:
        axes.hlines(
          place, row["low"], row["high"], color=colour, alpha=0.35, linewidth=3
        )
      axes.plot(
        row["accuracy"], place, marker="o", markersize=5, color=colour,
        markeredgecolor="white", markeredgewidth=0.7, clip_on=False, zorder=3,
      )  # fmt: skip
  lowest = [
    row["accuracy"] if row["low"] is None else row["low"]
    for rows in curves.values()
    for row in rows
  ]
  axes.set_xlim(max(0.0, min(0.4, *lowest) - 0.02), 1.005)
  axes.set_ylim(len(names) - 0.4, -0.6)
  axes.set_yticks(range(len(names)), names)
  axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
  axes.axvline(0.5, color=style.FAINT, linewidth=1, linestyle=(0, (4, 3)))
  figure.legend(
    handles=[
      Line2D([], [], color=look.colour, marker="o", label=look.label)
      for look in looks.values()
    ],
    loc="outside lower center", ncols=len(looks), frameon=False, fontsize=10,
  )  # fmt: skip
  figure.savefig(path, format="png", facecolor="white")
