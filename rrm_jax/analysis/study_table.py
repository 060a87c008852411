"""A study as text for the terminal."""

from collections.abc import Mapping

from rrm_jax.analysis.tables import (
  WIDTH,
  cut,
  files,
  interval,
  number,
  percent,
  tables,
)

_MOST_SUBSETS = 40


def readable(report: Mapping) -> str:
  """The report in tables of fixed width, at most 80 columns.

  Args:
    report: As `study_pictures.draw` takes it, with `files`.

  Returns:
    Lines of ASCII, no trailing newline. Shares are percentages, with 95%
    intervals over comparisons in brackets.
  """
  judges = report["judges"]
  parts = [
    *_judges(judges),
    *_subsets(judges),
    *_votes(judges),
    *_budgets(report.get("budgets") or []),
    *_leaning(judges),
    *_patterns(judges),
    *_compared(report.get("compared"), list(judges)),
    *files(report.get("files") or {}),
  ]
  return "\n\n".join(parts)


def _judges(judges: Mapping) -> list[str]:
  rows, spent = {}, {}
  for name, one in judges.items():
    summary = one["summary"]
    votes = summary["judgements"] / summary["comparisons"]
    rows[name] = [
      interval(summary),
      f"{summary['comparisons']:,} x {votes:.3g}",
    ]
    written = summary["completion_tokens"] or None
    spent[name] = [
      number(written and summary["thinking_tokens"], "{:.1f}"),
      number(written, "{:.1f}"),
      number(one["right_per_1000_tokens"], "{:.3g}"),
      number(one["by_agreement"]["spearman"], "{:+.2f}"),
    ]
  heads = ["thinking", "written", "right per 1000", "with errors"]
  title = "Tokens of a judgement; correlation of thinking with wrong votes"
  return [
    *tables("Accuracy, % [95% interval]", ["all", "judged"], rows, 20),
    *tables(title, heads, spent, 15),
  ]


def _subsets(judges: Mapping) -> list[str]:
  names = list(judges)
  found: dict[str, dict[str, Mapping]] = {}
  for name, one in judges.items():
    for row in one["summary"]["subsets"]:
      found.setdefault(row["subset"] or "(none)", {})[name] = row
  if len(found) < 2:
    return []
  shown = dict(list(found.items())[:_MOST_SUBSETS])
  rows = {
    subset: [interval(by_name.get(name)) for name in names]
    for subset, by_name in shown.items()
  }
  more = len(found) - len(shown)
  title = "Accuracy by subset, %" + (f"; {more} more not shown" * (more > 0))
  return tables(title, [cut(name, 19) for name in names], rows, 20)


def _votes(judges: Mapping) -> list[str]:
  heads = sorted({row["k"] for one in judges.values() for row in one["votes"]})
  if len(heads) < 2:
    return []
  rows = {}
  for name, one in judges.items():
    found = {row["k"]: row["accuracy"] for row in one["votes"]}
    rows[name] = [percent(found.get(k)) for k in heads]
  title = "Accuracy of the majority of k votes, %"
  return tables(title, [str(k) for k in heads], rows, 7)


def _budgets(curve: list) -> list[str]:
  if not curve:
    return []
  heads = [str(row["budget"]) for row in curve]
  rows = {
    "accuracy": [percent(row["accuracy"]) for row in curve],
    "tokens": [number(row["tokens"], "{:.0f}") for row in curve],
  }
  return tables("Accuracy by thinking budget in tokens, %", heads, rows, 9)


def _leaning(judges: Mapping) -> list[str]:
  rows = {}
  for name, one in judges.items():
    place, lengths = one["position"], one["length_bias"] or {}
    rows[name] = [
      percent(place["first_rate"]),
      percent(place["first_is_right"]),
      percent(lengths.get("longer_rate")),
      percent(lengths.get("longer_is_right")),
      percent(one["summary"]["flip_rate"]),
      percent(one["summary"]["invalid_rate"]),
      percent(one["calibration"]["error"]),
    ]
  heads = ["first", "(ideal)", "longer", "(ideal)", "flip", "invalid"]
  title = (
    "Verdicts for the first and the longer response, that flip, and none, %"
  )
  unknown = [name for name, one in judges.items() if not one["length_bias"]]
  note = "  No lengths of the responses are in the judgements of "
  return [
    *tables(title, [*heads, "calibr."], rows, 8),
    *(note + cut(name, WIDTH - len(note)) for name in unknown),
  ]


def _patterns(judges: Mapping) -> list[str]:
  rows = {
    name: [percent(row["share"]) for row in one["patterns"]]
    for name, one in judges.items()
    if one["patterns"]
  }
  if not rows:
    return []
  first = next(one["patterns"] for one in judges.values() if one["patterns"])
  heads = [row["pattern"] for row in first]
  return tables("Thoughts with words of each kind, %", heads, rows, 15)


def _compared(found: Mapping | None, names: list[str]) -> list[str]:
  if not found:
    return []
  one = found["paired"]
  cells = one["mcnemar"]
  on = f"on {one['comparisons']:,} comparisons"
  room = (WIDTH - len(f"Paired:  less , {on}")) // 2
  first, second = (cut(name, room) for name in names)
  lines = [
    f"Paired: {second} less {first}, {on}",
    f"  accuracy {_points(one)}, p = {one['p']:.3g}",
    f"  majorities: only the first right {cells['only_first']:,}, only the "
    f"second {cells['only_second']:,}, McNemar p = {cells['p']:.3g}",
  ]
  if one["unpaired"]:
    lines.append(f"  {one['unpaired']:,} comparisons only one of them judged")
  for row in found["patterns"] or []:
    kind = cut(row["pattern"], 12)
    lines.append(
      f"  thoughts with {kind:<12} {_points(row)}, p = {row['p']:.3g}"
    )
  return ["\n".join(lines)]


def _points(row: Mapping) -> str:
  """A difference in percentage points with its interval."""
  low, mean, high = (100 * row[k] for k in ("low", "difference", "high"))
  return f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"
