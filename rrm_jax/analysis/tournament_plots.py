"""Pictures of a tournament's report, as PNG files."""

import pathlib
from collections.abc import Mapping, Sequence

from rrm_jax.analysis import style

Path = str | pathlib.Path

_LEVELS = ("random", "majority", "oracle")
_MOST_ROWS = 40


def curves(path: Path, best_of: Mapping, points: Mapping[str, list]) -> None:
  """How often the chosen candidate is correct, by judgements: a curve for each.

  Args:
    path: The PNG file.
    best_of: As `tournament.best_of.figures` gives it; its `random`, `majority`
      and `oracle` are drawn as levels.
    points: Points by strategy, as `tournament_curves.curves` gives them.

  Raises:
    ValueError: there is nothing to draw.
  """
  if not any(points.values()):
    raise ValueError(f"{path}: there are no points to draw")
  figure = style.figure(7.5, 4.4)
  axes = figure.add_subplot()
  style.dress(
    axes,
    f"How often the best of N is correct ({best_of['prompts']} prompts)",
    "judgements per prompt",
  )
  looks = style.looks(points)
  for name, rows in points.items():
    style.line(
      axes,
      [(row["judgements"], row["accuracy"]) for row in rows],
      [(row["judgements"], row["low"], row["high"]) for row in rows],
      looks[name],
      joined=True,
      dots=True,
    )
  axes.margins(x=0.02)
  levels = {n: best_of[n]["accuracy"] for n in _LEVELS if best_of[n]}
  reached = [*levels.values()]
  for rows in points.values():
    reached += [row[key] for row in rows for key in ("low", "high")]
  style.share_axis(
    axes, max(-0.005, min(reached) - 0.03), min(1.005, max(reached) + 0.03)
  )
  for name, value in levels.items():
    style.level(axes, value, style.Look(name, style.FAINT))
  style.save(figure, path)


def leaderboard(path: Path, rows: Sequence[Mapping]) -> None:
  """Strengths with their intervals, the strongest on top.

  Args:
    path: The PNG file.
    rows: As `tournament.leaderboard.table` gives them; the first 40 are drawn.

  Raises:
    ValueError: there are no rows.
  """
  if not rows:
    raise ValueError(f"{path}: there are no rows to draw")
  shown = rows[:_MOST_ROWS]
  title = "Strength of each candidate"
  if len(rows) > len(shown):
    title = f"The strongest {len(shown)} of {len(rows)} candidates"
  figure = style.figure(7.5, 1.6 + 0.28 * len(shown))
  axes = figure.add_subplot()
  style.dress(axes, title, "Bradley-Terry, log odds, with 95 % intervals")
  axes.grid(axis="y", visible=False)
  axes.grid(axis="x", color=style.GRID, linewidth=0.8)
  look = style.looks(["strength"])["strength"]
  for y, row in enumerate(shown):
    axes.hlines(
      y, row["low"], row["high"], color=look.colour, alpha=0.35, linewidth=3
    )
    axes.plot(
      row["bradley_terry"], y, color=look.colour, marker="o", markersize=6,
      markeredgecolor="white", markeredgewidth=0.7,
    )  # fmt: skip
    if row["accuracy"] is not None:
      axes.text(
        1.02, y, f"{100 * row['accuracy']:.1f} % correct", fontsize=10,
        color=style.FAINT, va="center_baseline",
        transform=axes.get_yaxis_transform(),
      )  # fmt: skip
  axes.set_yticks(
    range(len(shown)), [f"candidate {row['candidate']}" for row in shown]
  )
  axes.set_ylim(len(shown) - 0.4, -0.6)
  style.save(figure, path)
