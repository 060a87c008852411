"""Pictures of what `accuracy` and `test_time` measure, as PNG files.

Each function takes curves by name and draws one chart; `overview` draws four
in one. The roles of a report ("before", "middle", "after", "control",
"direct") have a label and a colour of their own, the same in every picture;
any other name is its own label and takes the next free colour. Bands and bars
are the rows' `low` to `high`, where they have them.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rrm_jax.analysis import difficulty, style

Curves = Mapping[str, Sequence[Mapping]]
Path = str | pathlib.Path


def learning_curve(path: Path, curves: Curves) -> None:
  """Accuracy by training step; rows have `step` and `accuracy`."""
  _single(path, _learning, curves)


def votes(path: Path, curves: Curves) -> None:
  """Accuracy by the number of votes; rows of `test_time.votes`."""
  _single(path, _votes, curves)


def budget(path: Path, curves: Curves) -> None:
  """Accuracy by thinking budget; rows of `test_time.budget_curve`."""
  _single(path, _budget, curves)


def thinking_length(path: Path, curves: Curves) -> None:
  """Thinking tokens by subset; rows of `test_time.length_by_subset`."""
  _single(path, _length, curves)


def accuracy_by_difficulty(path: Path, curves: Curves) -> None:
  """Accuracy by subset; rows of `subsets` in `accuracy.summary`."""
  _single(path, _difficulty, curves)


def overview(
  path: Path,
  *,
  learning: Curves | None = None,
  votes: Curves | None = None,
  budget: Curves | None = None,
  length: Curves | None = None,
  title: str = "",
) -> None:
  """The four charts in one picture; those without rows are left out.

  Raises:
    ValueError: there is nothing to draw.
  """
  charts: list[tuple[Callable[[Axes, Curves], None], Curves]] = [
    (draw, curves)
    for draw, curves in (
      (_learning, learning),
      (_votes, votes),
      (_budget, budget),
      (_length, length),
    )
    if curves and any(curves.values())
  ]
  if not charts:
    raise ValueError(
      f"{path}: give the rows of at least one of the four charts"
    )
  columns = min(2, len(charts))
  rows = -(-len(charts) // columns)
  figure = style.figure(5.3 * columns, 3.7 * rows + (0.4 if title else 0.0))
  if title:
    figure.suptitle(title, fontsize=14, fontweight="bold", color=style.INK)
  for i, (draw, curves) in enumerate(charts):
    draw(figure.add_subplot(rows, columns, i + 1), curves)
  style.save(figure, path)


def _single(
  path: Path, draw: Callable[[Axes, Curves], None], curves: Curves
) -> None:
  if not any(curves.values()):
    raise ValueError(f"{path}: there are no rows to draw")
  figure = style.figure(7.5, 4.4)
  draw(figure.add_subplot(), curves)
  style.save(figure, path)


def _learning(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Held-out accuracy during training", "training step")
  _lines(axes, curves, "step", "accuracy", dots=False)
  axes.xaxis.set_major_locator(
    MaxNLocator(nbins=7, integer=True, min_n_ticks=1)
  )
  _accuracy_axis(axes, curves)


def _votes(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Accuracy of a majority of votes", "votes")
  _lines(axes, curves, "k", "accuracy")
  _tick_what_was_measured(axes, curves, "k")
  _accuracy_axis(axes, curves)


def _budget(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes, "Accuracy under a thinking budget", "thinking budget (tokens)"
  )
  _lines(axes, curves, "budget", "accuracy")
  _tick_what_was_measured(axes, curves, "budget")
  _accuracy_axis(axes, curves)


def _length(axes: Axes, curves: Curves) -> None:
  _by_subset(axes, curves, "thinking_tokens", "Thinking tokens")
  style.counting_axis(axes)


def _difficulty(axes: Axes, curves: Curves) -> None:
  _by_subset(axes, curves, "accuracy", "Accuracy")
  _accuracy_axis(axes, curves)


def _by_subset(axes: Axes, curves: Curves, y: str, what: str) -> None:
  """Against the numbers in the subsets' names, else a column for each."""
  subsets = difficulty.ordered(
    row["subset"] for rows in curves.values() for row in rows
  )
  numbers = [difficulty.difficulty(subset) for subset in subsets]
  if None in numbers or len(set(numbers)) < len(numbers):
    _columns(axes, curves, y, what, subsets)
    return
  counted = difficulty.unit(subsets)
  xlabel = f"difficulty ({counted})" if counted else "difficulty"
  style.dress(axes, f"{what} by difficulty", xlabel)
  placed = _placed(curves, dict(zip(subsets, numbers, strict=True)))
  _lines(axes, placed, "place", y)
  _tick_what_was_measured(axes, placed, "place")


def _columns(
  axes: Axes, curves: Curves, y: str, what: str, subsets: Sequence[str]
) -> None:
  """Side by side in each subset's column, the curves in their order."""
  style.dress(axes, f"{what} by subset", "")
  placed: dict[str, list[dict]] = {}
  for i, (name, rows) in enumerate(curves.items()):
    aside = (i - (len(curves) - 1) / 2) * min(0.14, 0.6 / len(curves))
    places: dict[str, style.Number | None] = {
      subset: at + aside for at, subset in enumerate(subsets)
    }
    placed |= _placed({name: rows}, places)
  _lines(axes, placed, "place", y, joined=False)
  axes.set_xticks(range(len(subsets)), subsets, rotation=30, ha="right")
  axes.set_xlim(-0.5, len(subsets) - 0.5)


def _placed(
  curves: Curves, places: Mapping[str, style.Number | None]
) -> dict[str, list[dict]]:
  """The rows with their subset's place on the x axis, from left to right."""
  return {
    name: sorted(
      ({**row, "place": places[row["subset"]]} for row in rows),
      key=lambda row: row["place"],
    )
    for name, rows in curves.items()
  }


def _lines(
  axes: Axes,
  curves: Curves,
  x: str,
  y: str,
  *,
  dots: bool = True,
  joined: bool = True,
) -> None:
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


def _tick_what_was_measured(axes: Axes, curves: Curves, x: str) -> None:
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


def _accuracy_axis(axes: Axes, curves: Curves) -> None:
  values = [
    row["accuracy"]
    for rows in curves.values()
    for row in rows
    if row["accuracy"] is not None
  ]
  style.accuracy_axis(axes, min(values, default=0.4))
