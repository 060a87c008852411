"""How pictures look: colours, direct labels, and the file they end up in."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rrm_jax.analysis import tables
from rrm_jax.analysis.roles import LABELS

Number = int | float

INK, FAINT, GRID = "#333333", "#767676", "#E4E4E4"
# Okabe & Ito's palette, told apart with any colour vision; its yellow is too
# pale for a line on white.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Letters of a label's line; more would leave too little room for the chart.
_LABEL = 22
_OWN = {
  LABELS["before"]: "#E69F00",
  LABELS["middle"]: "#56B4E9",
  LABELS["after"]: "#0072B2",
  LABELS["control"]: "#CC79A7",
  LABELS["direct"]: "#D55E00",
}


@dataclasses.dataclass(frozen=True)
class Look:
  """A curve's label and colour."""

  label: str
  colour: str


def looks(names: Iterable[str]) -> dict[str, Look]:
  """A look for each name: a model's own colour, else the next one unused."""
  names = list(names)
  colours = {name: _OWN[name] for name in names if name in _OWN}
  free = [c for c in _PALETTE if c not in colours.values()] or [INK]
  others = [name for name in names if name not in colours]
  colours |= {name: free[i % len(free)] for i, name in enumerate(others)}
  return {name: Look(_shown(name), colours[name]) for name in names}


def _shown(name: str) -> str:
  """The name, with lines of a bearable length."""
  return "\n".join(tables.cut(line, _LABEL) for line in name.split("\n"))


def figure(width: Number, height: Number) -> Figure:
  """An empty figure of this size in inches, on the Agg canvas."""
  layout = ConstrainedLayoutEngine(
    w_pad=0.1, h_pad=0.1, wspace=0.04, hspace=0.06
  )
  made = Figure(figsize=(width, height), dpi=200, layout=layout)
  FigureCanvasAgg(made)
  return made


def dress(axes: Axes, title: str, xlabel: str) -> None:
  """Title, x label, faint horizontal grid, no box."""
  axes.set_title(
    title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10
  )
  axes.set_xlabel(xlabel, fontsize=11, color=INK)
  axes.grid(axis="y", color=GRID, linewidth=0.8)
  axes.set_axisbelow(True)
  axes.spines[["top", "right", "left"]].set_visible(False)
  axes.spines["bottom"].set_color(FAINT)
  axes.tick_params(axis="y", length=0, labelsize=10, labelcolor=INK)
  axes.tick_params(axis="x", color=FAINT, labelsize=10, labelcolor=INK)


def line(
  axes: Axes,
  points: Sequence[tuple[Number, Number]],
  band: Sequence[tuple[Number, Number, Number]],
  look: Look,
  *,
  joined: bool,
  dots: bool,
) -> Annotation:
  """Draws a curve with its (x, low, high) band, and labels it at its end."""
  x, y = zip(*points, strict=True)
  if joined and len(band) > 1:
    at, low, high = zip(*band, strict=True)
    axes.fill_between(at, low, high, color=look.colour, alpha=0.15, linewidth=0)
  elif band:
    at, low, high = zip(*band, strict=True)
    axes.vlines(at, low, high, color=look.colour, alpha=0.35, linewidth=3)
  axes.plot(
    x,
    y,
    color=look.colour,
    linewidth=2 if joined else 0,
    marker="o" if dots or len(x) == 1 or not joined else "",
    markersize=5,
    markeredgecolor="white",
    markeredgewidth=0.7,
    solid_capstyle="round",
    clip_on=False,
    zorder=3,
  )
  return _label(axes, look, x[-1], y[-1], leader=True)


def counting_axis(axes: Axes) -> None:
  """Whole numbers from 0."""
  axes.set_ylim(bottom=0)
  axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def accuracy_axis(axes: Axes, lowest: Number) -> Annotation:
  """Percentages from 40 (or lower, if need be) to 100, with a chance line."""
  share_axis(axes, min(0.4, lowest - 0.02), 1.005)
  return level(axes, 0.5, Look("chance", FAINT))


def share_axis(axes: Axes, low: Number, high: Number) -> None:
  """Shares between these as percentages."""
  axes.set_ylim(low, high)
  axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def level(axes: Axes, value: Number, look: Look) -> Annotation:
  """A dashed line from side to side, with its name in the margin."""
  dashes = (0, (4, 3))
  axes.axhline(
    value, color=look.colour, linewidth=1, linestyle=dashes, zorder=1
  )
  return _label(axes, look, axes.get_xlim()[1], value, leader=False)


def save(made: Figure, path: str | pathlib.Path) -> None:
  """Writes the PNG, after moving apart the end labels that would overlap."""
  made.draw_without_rendering()
  for axes in made.axes:
    _spread(axes)
  made.savefig(path, format="png", facecolor="white")


def _label(
  axes: Axes, look: Look, x: Number, y: Number, *, leader: bool
) -> Annotation:
  """The name in the right margin, a dotted leader from the curve's end."""
  dotted = {
    "arrowstyle": "-",
    "linestyle": ":",
    "color": look.colour,
    "relpos": (0, 0.6),
    "shrinkA": 2,
    "shrinkB": 4,
  }
  return axes.annotate(
    look.label,
    xy=(x, y),
    xytext=(1.025, y),
    textcoords=axes.get_yaxis_transform(),
    fontsize=10.5,
    color=look.colour,
    fontweight="bold" if leader else "normal",
    va="center_baseline",
    annotation_clip=False,
    arrowprops=dotted if leader else None,
  )


def _spread(axes: Axes) -> None:
  """Moves end labels up or down by as little as keeps them apart."""
  labels = [text for text in axes.texts if isinstance(text, Annotation)]
  labels.sort(key=lambda label: label.xyann[1])
  to_pixels = axes.transData.transform
  wanted = [float(to_pixels((0, label.xyann[1]))[1]) for label in labels]
  gap = 1.25 * 10.5 * axes.figure.dpi / 72
  bottom, top = axes.bbox.y0, axes.bbox.y1
  for label, pixel in zip(
    labels, spread(wanted, gap, bottom, top), strict=True
  ):
    y = axes.transData.inverted().transform((0, pixel))[1]
    label.set_position((label.xyann[0], float(y)))


def spread(
  wanted: Sequence[Number], gap: Number, low: Number, high: Number
) -> list[Number]:
  """The places nearest to the rising `wanted` that are `gap` apart.

  Neighbours that collide form a block around their mean (least squares, by
  pooling adjacent violators); blocks are then kept within [low, high] while
  there is room.
  """
  blocks: list[list[Number]] = []  # of wanted place less its rank's offset
  for rank, place in enumerate(wanted):
    blocks.append([place - rank * gap])
    while len(blocks) > 1 and _mean(blocks[-2]) > _mean(blocks[-1]):
      last = blocks.pop()
      blocks[-1].extend(last)
  places = [_mean(block) for block in blocks for _ in block]
  room = max(low, high - (len(wanted) - 1) * gap)
  return [
    min(max(place, low), room) + rank * gap for rank, place in enumerate(places)
  ]


def _mean(values: Sequence[Number]) -> float:
  return sum(values) / len(values)
