"""Rows on axes: what the charts share."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes

from rrm_jax.analysis import difficulty, style, tables

Curves = Mapping[str, Sequence[Mapping]]
Path = str | pathlib.Path

# More than these do not fit beside each other below a chart.
_LETTERS = 60
# Letters of one; the rest is cut off.
_LABEL = 24
# More than these run into each other where they are turned a little only.
_FLAT = 12


def single(
  path: Path, draw: Callable[[Axes, Curves], None], curves: Curves
) -> None:
  """One chart in a file.

  Raises:
    ValueError: there are no rows.
  """
  if not any(curves.values()):
    raise ValueError(f"{path}: there are no rows to draw")
  figure = style.figure(7.5, 4.4)
  draw(figure.add_subplot(), curves)
  style.save(figure, path)


def lines(
  axes: Axes,
  curves: Curves,
  x: str,
  y: str,
  *,
  dots: bool = True,
  joined: bool = True,
) -> None:
  """A line for each curve, with the band of its `low` and `high`."""
  looks = style.looks(curves)
  for name, rows in curves.items():
    drawn = [row for row in rows if row[y] is not None]
    if not drawn:
      continue
    points = [(row[x], row[y]) for row in drawn]
    band = [
      (row[x], row["low"], row["high"])
      for row in drawn
      if row.get("low") is not None and row.get("high") is not None
    ]
    style.line(axes, points, band, looks[name], joined=joined, dots=dots)
  axes.margins(x=0.02)


def by_subset(axes: Axes, curves: Curves, y: str) -> None:
  """A column for each subset, the easiest first.

  Where all names are numbers of one thing, as "07 terms", the numbers stand
  below the columns, and what they count below these.
  """
  names = difficulty.ordered(
    row["subset"] for rows in curves.values() for row in rows
  )
  labels = [name or "(none)" for name in names]
  if counted := difficulty.unit(names):
    labels = [str(difficulty.difficulty(name)) for name in names]
    axes.set_xlabel(f"difficulty ({counted})")
  columns(axes, curves, "subset", y, dict(zip(names, labels, strict=True)))


def columns(
  axes: Axes, curves: Curves, x: str, y: str, labels: Mapping[str, str]
) -> None:
  """A column for each x, with its label; in it the curves in their order."""
  placed: dict[str, list[dict]] = {curve: [] for curve in curves}
  drawn = [curve for curve, rows in curves.items() if rows]
  for i, curve in enumerate(drawn):
    aside = (i - (len(drawn) - 1) / 2) * min(0.14, 0.6 / len(drawn))
    at = {name: place + aside for place, name in enumerate(labels)}
    placed[curve] = sorted(
      ({**row, "place": at[row[x]]} for row in curves[curve]),
      key=lambda row: row["place"],
    )
  lines(axes, placed, "place", y, joined=False)
  _tick_columns(axes, list(labels.values()))
  axes.set_xlim(-0.5, len(labels) - 0.5)


def _tick_columns(axes: Axes, labels: Sequence[str]) -> None:
  """The labels below their columns, turned and made small as they get more."""
  labels, angle = [tables.cut(label, _LABEL) for label in labels], 0
  if len("".join(labels)) > _LETTERS:
    angle = 30 if len(labels) <= _FLAT else 60
  axes.set_xticks(
    range(len(labels)),
    labels,
    rotation=angle,
    ha="right" if angle else "center",
    rotation_mode="anchor",
    fontsize=min(10, 240 / len(labels)),
  )


def tick_what_was_measured(axes: Axes, curves: Curves, x: str) -> None:
  """Ticks at the measured x alone, in a log scale where they span widely."""
  at = sorted({row[x] for rows in curves.values() for row in rows})
  if at[0] > 0 and at[-1] / at[0] > 32:
    axes.set_xscale("log", base=2)
  elif len(at) > 1:
    # Ticks nearer than a thirtieth of the axis would run into each other.
    apart, kept = (at[-1] - at[0]) / 30, at[:1]
    for place in at[1:]:
      if place - kept[-1] >= apart:
        kept.append(place)
    at = kept
  axes.set_xticks(at, [f"{place:g}" for place in at])
  axes.minorticks_off()


def accuracy_axis(axes: Axes, curves: Curves) -> None:
  """Percentages down to the lowest bar's end, with a line at chance."""
  values = [
    row[end]
    for rows in curves.values()
    for row in rows
    for end in ("accuracy", "low")
    if row.get(end) is not None
  ]
  style.accuracy_axis(axes, min(values, default=0.4))
