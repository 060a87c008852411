"""Pictures of how a judge spends, errs and leans, as PNG files.

Each function takes curves by name and draws one chart, as those of `plots`.
"""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rrm_jax.analysis import charts, style
from rrm_jax.analysis.charts import Curves, Path

_DASHED = (0, (4, 3))


def tokens(path: Path, curves: Curves) -> None:
  """Accuracy by tokens written; rows of `effort.by_votes` or of budgets."""
  charts.single(path, _tokens, curves)


def by_thought(path: Path, curves: Curves) -> None:
  """Accuracy by thinking length; rows of `effort.by_thought`."""
  charts.single(path, _by_thought, curves)


def by_agreement(path: Path, curves: Curves) -> None:
  """Thinking length by wrong votes; `levels` of `effort.by_agreement`."""
  charts.single(path, _by_agreement, curves)


def patterns(path: Path, curves: Curves) -> None:
  """Shares of thoughts by kind of words; rows of `patterns.counts`."""
  charts.single(path, _patterns, curves)


def position(path: Path, curves: Curves) -> None:
  """Verdicts for what is shown first; `subsets` of `bias.position`."""
  charts.single(path, _position, curves)


def length_bias(path: Path, curves: Curves) -> None:
  """Accuracy by lengths' ratio; rows with `ratio` and `accuracy`."""
  charts.single(path, _length_bias, curves)


def calibration(path: Path, curves: Curves) -> None:
  """Accuracy by share of votes; `bands` of `calibration.vote_share`."""
  charts.single(path, _calibration, curves)


def flips(path: Path, curves: Curves) -> None:
  """Flip rates; rows with `subset` and `rate`."""
  charts.single(path, _flips, curves)


def invalid(path: Path, curves: Curves) -> None:
  """Shares of answers without a verdict; rows with `subset` and `rate`."""
  charts.single(path, _invalid, curves)


def differences(path: Path, curves: Curves) -> None:
  """What a judge gains over another; `subsets` of `paired.compare`."""
  charts.single(path, _differences, curves)


def _tokens(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes, "Accuracy by tokens spent", "tokens written for a comparison"
  )
  charts.lines(axes, curves, "tokens", "accuracy")
  at = [row["tokens"] for rows in curves.values() for row in rows]
  if min(at) > 0 and max(at) / min(at) > 8:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
  charts.accuracy_axis(axes, curves)


def _by_thought(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Accuracy of short and of long thoughts", "thinking tokens")
  charts.lines(axes, curves, "thinking_tokens", "accuracy")
  charts.accuracy_axis(axes, curves)


def _by_agreement(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes, "Thinking tokens by difficulty", "share of the judge's wrong votes"
  )
  charts.lines(axes, curves, "wrong", "thinking_tokens")
  axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
  style.counting_axis(axes)


def _patterns(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Thoughts with words of each kind", "")
  names = [row["pattern"] for rows in curves.values() for row in rows]
  charts.columns(
    axes, curves, "pattern", "share", {name: name for name in names}
  )
  _share_axis(axes)


def _position(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Verdicts for the response shown first (50%: no bias)", "")
  charts.by_subset(axes, curves, "first_rate")
  _share_axis(axes)
  axes.axhline(0.5, color=style.FAINT, linewidth=1, linestyle=_DASHED, zorder=1)


def _length_bias(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes, "Accuracy by which response is better", "longer / shorter, characters"
  )
  found = {row["ratio"] for rows in curves.values() for row in rows}
  names = {ratio: ratio for ratio in sorted(found, key=_lower_end)}
  charts.columns(axes, curves, "ratio", "accuracy", names)
  charts.accuracy_axis(axes, curves)


def _calibration(axes: Axes, curves: Curves) -> None:
  style.dress(
    axes,
    "Accuracy by the majority's share of votes",
    "share of votes (dashed: right as often as that)",
  )
  charts.lines(axes, curves, "confidence", "accuracy")
  lows = [
    row["low"] if row["low"] is not None else row["accuracy"]
    for rows in curves.values()
    for row in rows
  ]
  bottom = min(0.5, *lows) - 0.02
  axes.plot(
    [0.5, 1], [0.5, 1], color=style.FAINT, linewidth=1, linestyle=_DASHED
  )
  axes.set_xlim(0.48, 1.02)
  axes.set_ylim(bottom, 1.02)
  for axis in (axes.xaxis, axes.yaxis):
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _flips(axes: Axes, curves: Curves) -> None:
  _rates(axes, curves, "Verdicts that change with the order")


def _invalid(axes: Axes, curves: Curves) -> None:
  _rates(axes, curves, "Answers without a verdict")


def _rates(axes: Axes, curves: Curves, title: str) -> None:
  """Up to the end of the longest bar, but to 5 % at least."""
  style.dress(axes, title, "")
  charts.by_subset(axes, curves, "rate")
  ends = [row["high"] for rows in curves.values() for row in rows]
  _share_axis(axes, max(0.05, 1.05 * max(ends)))


def _differences(axes: Axes, curves: Curves) -> None:
  style.dress(axes, "Difference of accuracy in percentage points", "")
  charts.by_subset(axes, curves, "difference")
  axes.axhline(0, color=style.FAINT, linewidth=1, linestyle=_DASHED, zorder=1)
  axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
  axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))


def _share_axis(axes: Axes, highest: float = 1.005) -> None:
  """Percentages from 0."""
  axes.set_ylim(0, highest)
  axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _lower_end(ratio: str) -> float:
  """Of a band as "1.1-1.25" or "4+"."""
  return float(ratio.partition("-")[0].rstrip("+"))
