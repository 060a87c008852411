"""Pictures of what `accuracy` and `test_time` measure, as PNG files.

Each function takes curves by name and draws one chart; `overview` draws four
in one. The models of a training's report have colours of their own, by their
`roles.LABELS`, the same in every picture; any other name takes the next free
colour. Bands and bars
are the rows' `low` to `high`, where they have them.
"""

from collections.abc import Callable, Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rrm_jax.analysis import charts, difficulty, style
from rrm_jax.analysis.charts import Curves, Path


def learning_curve(path: Path, curves: Curves) -> None:
  """Accuracy by training step; rows have `step` and `accuracy`."""
  charts.single(path, _learning, curves)


def votes(path: Path, curves: Curves) -> None:
  """Accuracy by the number of votes; rows of `test_time.votes`."""
  charts.single(path, _votes, curves)


def budget(path: Path, curves: Curves) -> None:
  """Accuracy by thinking budget; rows of `test_time.budget_curve`."""
  charts.single(path, _budget, curves)


def thinking_length(path: Path, curves: Curves) -> None:
  """Thinking tokens by subset; rows of `test_time.length_by_subset`."""
  charts.single(path, _length, curves)


def accuracy_by_difficulty(path: Path, curves: Curves) -> None:
  """Accuracy by subset; rows of `subsets` in `accuracy.summary`."""
  charts.single(path, _difficulty, curves)


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
  drawn: list[tuple[Callable[[Axes, Curves], None], Curves]] = [
    (draw, curves)
    for draw, curves in (
      (_learning, learning),
      (_votes, votes),
      (_budget, budget),
      (_length, length),
    )
    if curves and any(curves.values())
  ]
  if not drawn:
    raise ValueError(
      f"{path}: give the rows of at least one of the four charts"
    )
  columns = min(2, len(drawn))
  rows = -(-len(drawn) // columns)
  figure = style.figure(5.3 * columns, 3.7 * rows + (0.4 if title else 0.0))
  if title:
    figure.suptitle(title, fontsize=14, fontweight="bold", color=style.INK)
  for i, (draw, curves) in enumerate(drawn):
    draw(figure.add_subplot(rows, columns, i + 1), curves)
  style.save(figure, path)


def _learning(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Held-out accuracy during training", "training step")
  charts.lines(axes, curves, "step", "accuracy", dots=False)
  axes.xaxis.set_major_locator(
    MaxNLocator(nbins=7, integer=True, min_n_ticks=1)
  )
  charts.accuracy_axis(axes, curves)


def _votes(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Accuracy of a majority of votes", "votes")
  charts.lines(axes, curves, "k", "accuracy")
  charts.tick_what_was_measured(axes, curves, "k")
  charts.accuracy_axis(axes, curves)


def _budget(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes, "Accuracy under a thinking budget", "thinking budget (tokens)"
  )
  charts.lines(axes, curves, "budget", "accuracy")
  charts.tick_what_was_measured(axes, curves, "budget")
  charts.accuracy_axis(axes, curves)


def _length(axes: Axes, curves: Curves) -> None:
  _by_subset(axes, curves, "thinking_tokens", "Thinking tokens")
  style.counting_axis(axes)


def _difficulty(axes: Axes, curves: Curves) -> None:
  _by_subset(axes, curves, "accuracy", "Accuracy")
  charts.accuracy_axis(axes, curves)


def _by_subset(axes: Axes, curves: Curves, y: str, what: str) -> None:
  """Against the numbers in the subsets' names, else a column for each."""
  subsets = difficulty.ordered(
    row["subset"] for rows in curves.values() for row in rows
  )
  numbers = [difficulty.difficulty(subset) for subset in subsets]
  if None in numbers or len(set(numbers)) < len(numbers):
    style.dress(axes, f"{what} by subset", "")
    charts.by_subset(axes, curves, y)
    return
  counted = difficulty.unit(subsets)
  xlabel = f"difficulty ({counted})" if counted else "difficulty"
  style.dress(axes, f"{what} by difficulty", xlabel)
  placed = _placed(curves, dict(zip(subsets, numbers, strict=True)))
  charts.lines(axes, placed, "place", y)
  charts.tick_what_was_measured(axes, placed, "place")


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
