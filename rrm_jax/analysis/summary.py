"""A run's report as text for the terminal."""

from collections.abc import Mapping

from rrm_jax.analysis.roles import LABELS
from rrm_jax.analysis.tables import (
  WIDTH,
  Number,
  cut,
  files,
  interval,
  number,
  percent,
  tables,
)


def readable(report: Mapping) -> str:
  """The report in tables of fixed width, at most 80 columns.

  Args:
    report: Any of these may be missing, as what a run did not measure is:
      `name`, `seed`;
      `models`: by role ("before", "middle", "after", "control", "direct"):
        `temperatures`: `accuracy.summary` by temperature ("1.0", "0.0"),
        `votes`: rows of `test_time.votes`,
        `budgets`: rows of `test_time.budget_curve`,
        `length`: `test_time.length_by_subset`;
      `wall_seconds`: by phase;
      `files`: what was written, by what it is.

  Returns:
    Lines of ASCII, no trailing newline. Accuracies are percentages, with 95%
    intervals in brackets.
  """
  models = report.get("models") or {}
  named = {
    LABELS.get(role, role): model or {} for role, model in models.items()
  }
  parts = [
    _head(report),
    *_accuracy(named),
    *_behaviour(named),
    *_scaling(named, "votes", "k", "Accuracy of the majority of k votes, %"),
    *_scaling(
      named, "budgets", "budget", "Accuracy by thinking budget in tokens, %"
    ),
    *_length(named),
    *_wall(report.get("wall_seconds") or {}),
    *files(report.get("files") or {}),
  ]
  return "\n\n".join(part for part in parts if part)


def _head(report: Mapping) -> str:
  words = [cut(str(report.get("name") or "report"), WIDTH - 20)]
  if report.get("seed") is not None:
    words.append(f"seed {report['seed']}")
  return ", ".join(words)


def _accuracy(models: Mapping[str, Mapping]) -> list[str]:
  found = _temperatures(models)
  heads = sorted({t for runs in found.values() for t in runs}, key=_hottest)
  rows = {
    name: [interval(runs.get(t)) for t in heads] for name, runs in found.items()
  }
  title = "Accuracy by sampling temperature, % [95% interval]"
  return tables(title, [f"T={t}" for t in heads], rows, 20)


def _behaviour(models: Mapping[str, Mapping]) -> list[str]:
  """What the hottest run spends, and how it errs."""
  rows = {}
  for name, runs in _temperatures(models).items():
    run = runs[min(runs, key=_hottest)]
    rows[name] = [
      number(run.get("thinking_tokens"), "{:.1f}"),
      number(run.get("completion_tokens"), "{:.1f}"),
      percent(run.get("invalid_rate")),
      percent(run.get("first_rate")),
      percent(run.get("flip_rate")),
    ]
  heads = ["thinking", "tokens", "invalid %", "first %", "flipped %"]
  return tables("Behaviour at the highest temperature", heads, rows, 11)


def _scaling(
  models: Mapping[str, Mapping], part: str, x: str, title: str
) -> list[str]:
  found = {
    name: {row[x]: row.get("accuracy") for row in model[part] if x in row}
    for name, model in models.items()
    if model.get(part)
  }
  at = sorted({place for row in found.values() for place in row})
  rows = {
    name: [percent(row.get(place)) for place in at]
    for name, row in found.items()
  }
  return tables(title, [str(place) for place in at], rows, 7)


def _length(models: Mapping[str, Mapping]) -> list[str]:
  rows = {}
  for name, model in models.items():
    length = model.get("length") or {}
    subsets = length.get("subsets")
    if subsets:
      rows[name] = [
        number(subsets[0].get("thinking_tokens"), "{:.1f}"),
        number(subsets[-1].get("thinking_tokens"), "{:.1f}"),
        number(length.get("spearman"), "{:+.2f}"),
        number(length.get("pearson"), "{:+.2f}"),
      ]
  heads = ["first subset", "last subset", "spearman", "pearson"]
  title = "Thinking tokens, and their correlation with difficulty"
  return tables(title, heads, rows, 14)


def _wall(phases: Mapping[str, Number | None]) -> list[str]:
  seconds = {name: s for name, s in phases.items() if s is not None}
  if not seconds:
    return []
  rows = {phase: [_seconds(value)] for phase, value in seconds.items()}
  if len(rows) > 1:
    rows["together"] = [_seconds(sum(seconds.values()))]
  return tables("Wall time", [""], rows, 14)


def _temperatures(
  models: Mapping[str, Mapping],
) -> dict[str, dict[str, Mapping]]:
  """The runs of each model that has any."""
  found = {
    name: {
      t: run for t, run in (model.get("temperatures") or {}).items() if run
    }
    for name, model in models.items()
  }
  return {name: runs for name, runs in found.items() if runs}


def _seconds(value: Number) -> str:
  if value < 60:
    return f"{value:.1f} s"
  minutes, seconds = divmod(round(value), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours} h {minutes:02d} min"
  return f"{minutes} min {seconds:02d} s"


def _hottest(temperature: str) -> float:
  return -float(temperature)
