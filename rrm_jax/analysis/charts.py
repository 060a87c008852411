"""Rows on axes: what the charts share."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes

from rrm_jax.analysis import style

Curves = Mapping[str, Sequence[Mapping]]
Path = str | pathlib.Path

# More than these do not fit beside each other below a chart.
_LETTERS = 60


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


def columns(
  axes: Axes, curves: Curves, x: str, y: str, names: Sequence[str]
) -> None:
  """Side by side in a column for each name, the curves in their order."""
  placed: dict[str, list[dict]] = {}
  for i, (curve, rows) in enumerate(curves.items()):
    aside = (i - (len(curves) - 1) / 2) * min(0.14, 0.6 / len(curves))
    at = {name: place + aside for place, name in enumerate(names)}
    placed[curve] = sorted(
      ({**row, "place": at[row[x]]} for row in rows),
      key=lambda row: row["place"],
    )
  lines(axes, placed, "place", y, joined=False)
  crowded = len("".join(names)) > _LETTERS
  axes.set_xticks(
    range(len(names)),
    names,
    rotation=30 if crowded else 0,
    ha="right" if crowded else "center",
  )
  axes.set_xlim(-0.5, len(names) - 0.5)


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
