"""What a race is worth: medians, the table, the picture."""

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from matplotlib.axes import Axes

from rrm_jax.analysis import style
from tools.benchmark.floor import Floor

OURS = "ours"
R = TypeVar("R", bound="Row")


class Round(NamedTuple):
  """What a contestant says of a round.

  Attributes:
    seconds: Wall time.
    cores: Seconds of all CPU cores, which a busy machine stretches less.
    first: Seconds until the first token was in the host's hands.
    steps: Decoding steps, 0 if unknown.
    peak: The most bytes of memory held so far.
  """

  seconds: float
  cores: float
  first: float
  steps: int
  peak: int


@dataclasses.dataclass(frozen=True)
class Row:
  """A contestant's figures; None where it failed or cannot know.

  Attributes:
    name: Who.
    error: Why it is out, in one line; "" if it is not.
    rate: Tokens per second, of the median round.
    of_ours: The rate as a multiple of ours.
    of_floor: The rate as a fraction of the floor's.
    cores: CPU seconds of a round, of all cores.
    peak: Memory at its highest, GB.
    compiling: Seconds of the first round beyond the median.
  """

  name: str
  error: str = ""
  rate: float | None = None
  of_ours: float | None = None
  of_floor: float | None = None
  cores: float | None = None
  peak: float | None = None
  compiling: float | None = None


@dataclasses.dataclass(frozen=True)
class Rollout(Row):
  """The same of rollouts; the tokens are useful ones.

  Attributes:
    first: Milliseconds until the first token, median.
    steps: Decoding steps of a round.
    step: Milliseconds of a round per step, prompts and all.
    occupancy: Share of the slots' steps that wrote a useful token.
  """

  first: float | None = None
  steps: int | None = None
  step: float | None = None
  occupancy: float | None = None


def row(
  name: str, rounds: Sequence[Round], tokens: int, slots: int, floor: Floor
) -> Rollout:
  """A contestant's figures but `of_ours`; its first round compiles."""
  first, rest = rounds[0], rounds[1:]
  seconds = statistics.median(r.seconds for r in rest)
  steps = rest[-1].steps or None
  return Rollout(
    name=name,
    rate=tokens / seconds,
    of_floor=tokens / seconds / floor.tokens_per_second,
    first=1e3 * statistics.median(r.first for r in rest),
    cores=statistics.median(r.cores for r in rest),
    peak=max(r.peak for r in rounds) / 1e9,
    compiling=max(0.0, first.seconds - seconds),
    steps=steps,
    step=1e3 * seconds / steps if steps else None,
    occupancy=tokens / (steps * slots) if steps else None,
  )


def compared(rows: Sequence[R]) -> list[R]:
  """The rows with `of_ours`, where we are among them."""
  rates = {one.name: one.rate for one in rows}
  ours = rates.get(OURS)
  if ours is None:
    return list(rows)
  return [
    dataclasses.replace(one, of_ours=one.rate / ours) if one.rate else one
    for one in rows
  ]


# Header, width and format of a figure, by its name.
Columns = Mapping[str, tuple[str, int, str]]
ROLLOUT: Columns = {
  "rate": ("tok/s", 8, ".0f"),
  "of_ours": ("of ours", 9, ".2f"),
  "of_floor": ("of floor", 10, ".2f"),
  "first": ("first ms", 10, ".0f"),
  "cores": ("CPU s", 8, ".1f"),
  "peak": ("peak GB", 9, ".2f"),
  "compiling": ("compile s", 11, ".1f"),
  "steps": ("steps", 7, "d"),
  "step": ("ms/step", 9, ".1f"),
  "occupancy": ("occupancy", 11, ".2f"),
}


def table(rows: Sequence[Row], columns: Columns) -> str:
  """For the terminal."""
  wide = max(len(one.name) for one in rows) + 1
  header = "".join(f"{title:>{n}}" for title, n, _ in columns.values())
  lines = [" " * wide + header]
  for one in rows:
    if one.error:
      lines.append(f"{one.name:<{wide}}  {one.error}")
      continue
    values = dataclasses.asdict(one)
    lines.append(
      f"{one.name:<{wide}}"
      + "".join(
        f"{'-':>{n}}" if values[key] is None else f"{values[key]:>{n}{form}}"
        for key, (_, n, form) in columns.items()
      )
    )
  return "\n".join(lines)


def factors(rows: Sequence[Rollout]) -> list[str]:
  """How occupancy and the cost of a step multiply to our lead."""
  ours = next((one for one in rows if one.name == OURS), None)
  if ours is None or ours.step is None or ours.occupancy is None:
    return []
  return [
    f"ours is {1 / other.of_ours:.2f} x {other.name}: "
    f"{ours.occupancy / other.occupancy:.2f} by occupancy "
    f"({ours.occupancy:.2f} against {other.occupancy:.2f}) x "
    f"{other.step / ours.step:.2f} by the step "
    f"({ours.step:.1f} against {other.step:.1f} ms)"
    for other in rows
    if other.name != OURS and other.of_ours and other.occupancy and other.step
  ]


class Chart(NamedTuple):
  """A workload's part of the picture.

  Attributes:
    name: Of the workload.
    rows: Who took part.
    floor: Tokens per second that nobody exceeds.
    floor_of: What that is the floor of.
    rate_of: Which tokens.
  """

  name: str
  rows: Sequence[Row]
  floor: float
  floor_of: str
  rate_of: str


def write(
  folder: Path, report: Mapping[str, Any], charts: Sequence[Chart]
) -> None:
  """The report and the picture, under the suite's name."""
  folder.mkdir(parents=True, exist_ok=True)
  file = folder / f"{report['suite']}.json"
  file.write_text(json.dumps(report, indent=2) + "\n")
  draw(file.with_suffix(".png"), charts)


def draw(path: Path, charts: Sequence[Chart]) -> None:
  """Bars of tokens per second, with the floor as a line."""
  columns = min(2, len(charts))
  lines = -(-len(charts) // columns)
  figure = style.figure(6.2 * columns, 3.4 * lines)
  names = dict.fromkeys(one.name for chart in charts for one in chart.rows)
  looks = style.looks(names)
  for i, chart in enumerate(charts):
    axes = figure.add_subplot(lines, columns, i + 1)
    colours = [looks[one.name].colour for one in chart.rows]
    _bars(axes, chart, colours)
  style.save(figure, path)


def _bars(axes: Axes, chart: Chart, colours: Sequence[str]) -> None:
  style.dress(axes, chart.name, f"{chart.rate_of} per second")
  most = chart.floor
  places = range(len(chart.rows))
  axes.barh(
    places,
    [one.rate or 0 for one in chart.rows],
    color=colours,
    height=0.66,
  )
  for place, one in zip(places, chart.rows, strict=True):
    rate = one.rate or 0
    axes.text(
      rate + most * 0.012,
      place,
      f"{rate:.0f}" if one.rate else one.error.split(":")[0],
      va="center",
      fontsize=10,
      color=style.INK if one.rate else style.FAINT,
    )
  axes.axvline(most, color=style.FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
  axes.text(
    most,
    1.01,
    f"floor of {chart.floor_of} {most:.0f}",
    transform=axes.get_xaxis_transform(),
    ha="right",
    fontsize=9.5,
    color=style.FAINT,
  )
  axes.set_yticks(places, [one.name for one in chart.rows])
  axes.invert_yaxis()
  axes.set_xlim(0, 1.05 * max(most, *(one.rate or 0 for one in chart.rows)))
  axes.grid(axis="y", visible=False)
  axes.grid(axis="x", color=style.GRID, linewidth=0.8)
