"""A benchmark's report as text for the terminal."""

import io
import textwrap
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rrm_jax.analysis import summary
from rrm_jax.analysis.tables import WIDTH, files, interval, percent


def readable(report: Mapping, rows: Sequence[Mapping]) -> str:
  """The report in tables of fixed width, at most 80 columns.

  Args:
    report: As `launch.report_card.figures` makes it.
    rows: Its scores, as `benchmarks.card.rows` gives them.

  Returns:
    Lines, no trailing newline. Scores are percentages, with 95% intervals in
    brackets.
  """
  plain = {k: v for k, v in report.items() if k not in ("files", "seed")}
  parts = [
    _head(report),
    *(
      _scores(rows, votes) for votes in dict.fromkeys(r["votes"] for r in rows)
    ),
    summary.readable({**plain, "name": "All judgements"}),
    _behaviour(report),
    *files(report.get("files") or {}),
  ]
  return "\n\n".join(parts)


def overview(reports: Sequence[Mapping], missing: Mapping[str, str]) -> str:
  """Several reports in one table, and why others are not in it.

  Args:
    reports: As `readable` takes them.
    missing: Why a benchmark was not judged, by its name.
  """
  table = _table(["RRM", "RM-R1", "both orders", "n", "flipped", "invalid"])
  for report in reports:
    scored = report["benchmark"]
    published = scored["published"] if scored else [{}, {}]
    honest = scored and scored["both_orders"]
    table.add_row(
      escape(report["name"]),
      *(percent(row.get("overall")) for row in published),
      interval(honest and {**honest, "accuracy": honest["overall"]}),
      str(report["comparisons"]),
      percent(report["flip_rate"]),
      percent(report["invalid_rate"]),
    )
  for name in missing:
    table.add_row(escape(name), *["-"] * 6)
  lines = [f"not judged: {name}: {why}" for name, why in missing.items()]
  title = "Benchmarks by their published rules and ours, % [95% interval]"
  return "\n".join([title, _text(table), *lines])


def _head(report: Mapping) -> str:
  who = f"{report['model']} {report['weights']}".strip()
  lines = [
    f"{report['name']}, seed {report['seed']}",
    f"  judge: {who}, fingerprint {report['fingerprint'][:12]}",
  ]
  if report["simulated"]:
    lines.append("  SIMULATED: no model judged; this is for planning")
  if report["left_out"]:
    counts = report["left_out_by_subset"].items()
    where = ", ".join(f"{name} {count}".strip() for name, count in counts)
    total = report["left_out"] + report["comparisons"]
    lines.append(
      f"  left out, as prompts are too long: {report['left_out']} of {total} "
      f"({where})"
    )
  if report["unscored"]:
    lines.append(f"  no published score: {report['unscored']}")
  if scored := report["benchmark"]:
    lines += [
      f"  {scored['benchmark']}: {scored['rule']}",
      f"  order of the published rule: {scored['order']}",
    ]
  return _wrapped(lines)


def _scores(rows: Sequence[Mapping], votes: int) -> str:
  """The scores of so many votes: a line for each part, a column for each rule.

  The last column has the intervals; n is the number of comparisons, or of
  groups where these count, or two numbers where rules count others.
  """
  rows = [row for row in rows if row["votes"] == votes]
  columns: dict[str, dict[str, Mapping]] = {}
  for row in rows:
    columns.setdefault(_heading(row), {})[row["name"]] = row
  table = _table([*columns, "n"])
  for name in dict.fromkeys(row["name"] for row in rows):
    *some, last = [column.get(name) for column in columns.values()]
    counted = dict.fromkeys(c["counted"] for c in (*some, last) if c)
    table.add_row(
      escape(name),
      *(percent(cell["accuracy"] if cell else None) for cell in some),
      interval(last),
      "/".join(map(str, counted)),
    )
  title = f"Majority of {votes} votes" if votes > 1 else "Accuracy"
  return f"{title}, % [95% interval]\n{_text(table)}"


def _heading(row: Mapping) -> str:
  """Such as "published (RM-R1)", for a rule and what it makes of no verdict."""
  who, colon, _ = row["invalid_rule"].partition(":")
  return f"{row['rule']}\n({who})" if colon else row["rule"]


def _details(details: Mapping, name: str = "") -> list[str]:
  """A benchmark's own further measures, those of one kind in a line."""
  numbers = [
    f"{what.replace('_', ' ')} {value:.4g}"
    for what, value in details.items()
    if isinstance(value, int | float)
  ]
  head = f"{name}: " if name else ""
  lines = [head + ", ".join(numbers)] if numbers else []
  for what, inner in details.items():
    if isinstance(inner, Mapping):
      lines += _details(inner, what.replace("_", " "))
  return lines


def _behaviour(report: Mapping) -> str:
  scored = report["benchmark"]
  lines = _details(scored["details"]) if scored else []
  reasons = [f"{n} {why}" for why, n in report["invalid"].items() if n]
  if reasons:
    lines.append(f"No verdict: {', '.join(reasons)}")
  length = report["length_bias"]
  if length["longer_rate"] is not None:
    lines.append(
      f"Verdicts for the longer response: {percent(length['longer_rate'])} %; "
      f"it is the better one in {percent(length['longer_is_right'])} %"
    )
  spent = report["tokens"]
  lines.append(
    f"Tokens: {spent['prompt']:,} read, {spent['completion']:,} written, of "
    f"them {spent['thinking']:,} of thought"
  )
  return _wrapped(lines)


def _wrapped(lines: Sequence[str]) -> str:
  return "\n".join(
    textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in lines
  )


def _table(headings: Sequence[str]) -> Table:
  table = Table(header_style="", box=None, pad_edge=False, padding=(0, 1))
  table.add_column("", overflow="ellipsis", no_wrap=True)
  for heading in headings:
    table.add_column(heading, justify="right", no_wrap=True)
  return table


def _text(table: Table) -> str:
  file = io.StringIO()
  Console(file=file, width=WIDTH).print(table)
  lines = file.getvalue().splitlines()
  return "\n".join(line.rstrip() for line in lines)
