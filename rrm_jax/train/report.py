"""The report at the end of a job: report.json and its pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rrm_jax import config, metrics, sharding, voting, weights, workdir
from rrm_jax.analysis import accuracy, plots, test_time
from rrm_jax.analysis.roles import LABELS
from rrm_jax.records import Judgement, Question
from rrm_jax.train import loop
from rrm_jax.train.job import Job


def write(job: Job) -> dict:
  """Measures the models that the config's evaluation names.

  Returns:
    What is in report.json; see `analysis.summary.readable` for its shape.

  Raises:
    loop.Interrupted: asked to stop.
  """
  timer = metrics.PhaseTimer()
  roles = job.cfg.evaluation.roles
  models = {}
  for role, where in roles.items():
    with timer(f"evaluate {role}"):
      models[role] = {"weights": where, **_measure(job, role, where)}
  curves = _learning_curves(job, roles)
  report = {
    "name": job.cfg.name,
    "seed": job.cfg.seed,
    "models": models,
    "learning": curves,
    "wall_seconds": _wall_seconds(job) | timer.read(prefix=""),
  }
  if sharding.is_lead():
    report["files"] = _draw(job.folder, models, curves, job.cfg.name)
    write_json(job.folder / "report.json", report)
  return report


def write_json(path: Path, content: Mapping) -> None:
  """Writes a file whole or not at all."""
  workdir.write_whole(path, json.dumps(content, indent=2) + "\n")


def _measure(job: Job, role: str, where: str) -> dict[str, Any]:
  cfg = job.cfg.evaluation
  template = job.cfg.stages[where.partition("@")[0]].template
  said = _judged(job, role, where, template)
  comparisons = job.held_out(cfg.comparisons)
  hottest = said["temperature", cfg.temperatures[0]]
  measured: dict[str, Any] = {
    "temperatures": {
      str(temperature): accuracy.summary(
        said["temperature", temperature], comparisons
      )
      for temperature in cfg.temperatures
    },
    "length": test_time.length_by_subset(hottest, comparisons),
  }
  if cast := said.get(("votes", 0)):
    some = job.held_out(cfg.vote_comparisons)
    measured["votes"] = test_time.votes(cast, some, cfg.votes)
  budgets = {
    int(b): some for (kind, b), some in said.items() if kind == "budget"
  }
  if budgets:
    some = job.held_out(cfg.budget_comparisons)
    measured["budgets"] = test_time.budget_curve(budgets, some)
  return measured


class _Wanted(NamedTuple):
  """Questions, and how the answers are drawn."""

  temperature: float
  budget: int
  questions: Sequence[Question]


def _wanted(
  job: Job, role: str, template: config.Template
) -> dict[tuple[str, float], _Wanted]:
  """All that is asked of a role's model, by what for."""
  cfg = job.cfg.evaluation
  hottest = cfg.temperatures[0]
  asked = voting.questions(job.held_out(cfg.comparisons))
  wanted = {("temperature", t): _Wanted(t, -1, asked) for t in cfg.temperatures}
  if cfg.votes and role in ("before", "middle", "after"):
    some = job.held_out(cfg.vote_comparisons)
    asked = voting.questions(some, max(cfg.votes))
    wanted["votes", 0] = _Wanted(hottest, -1, asked)
  if role in ("before", "after") and template.thinking:
    asked = voting.questions(job.held_out(cfg.budget_comparisons))
    wanted |= {("budget", b): _Wanted(hottest, b, asked) for b in cfg.budgets}
  return wanted


def _judged(
  job: Job, role: str, where: str, template: config.Template
) -> dict[tuple[str, float], list[Judgement]]:
  """The answers to all that is wanted; shows how far it is.

  Raises:
    loop.Interrupted: asked to stop.
  """
  wanted = _wanted(job, role, template)
  params = weights.saved_params(job.cfg, job.folder, where, job.layout)
  total = sum(len(one.questions) for one in wanted.values())
  said, done = {}, 0
  with metrics.Progress(f"evaluate {role}", total) as progress:
    for purpose, (temperature, budget, questions) in wanted.items():
      judge = job.judge(params, template, temperature, budget)
      made: dict[int, Judgement] = {}
      for batch in judge.stream(questions):
        made |= batch.made
        progress.update(done + len(made), batch.figures)
        if job.interrupted():
          raise loop.Interrupted("the report, which begins anew")
      done += len(made)
      said[purpose] = [made[number] for number in range(len(questions))]
  return said


def _learning_curves(
  job: Job, roles: Mapping[str, str]
) -> dict[str, list[dict]]:
  """Held-out accuracy by step of the stages behind the trained roles.

  No verdict counts 0.5, as everywhere in the report.
  """
  rows = metrics.read(job.folder)
  curves = {}
  for role in ("after", "control", "direct"):
    phase = f"{roles.get(role, '').partition('@')[0]}_heldout"
    points = [
      {"step": row["step"], "accuracy": row["accuracy"] + row["invalid"] / 2}
      for row in rows
      if row["phase"] == phase
    ]
    if points:
      curves[role] = points
  return curves


def _wall_seconds(job: Job) -> dict[str, float]:
  """Seconds of each stage, by the timers of its steps."""
  seconds = dict.fromkeys(job.cfg.order, 0.0)
  for row in metrics.read(job.folder):
    if row["phase"] in seconds:
      seconds[row["phase"]] += sum(
        value for name, value in row.items() if name.startswith("time/")
      )
  return {name: round(value, 1) for name, value in seconds.items()}


def _draw(
  folder: Path, models: Mapping[str, Any], learning: Mapping, title: str
) -> dict[str, str]:
  """Draws what was measured; returns the files by what they show."""
  place = folder / "plots"
  place.mkdir(exist_ok=True)
  votes = {r: m["votes"] for r, m in models.items() if "votes" in m}
  budgets = {r: m["budgets"] for r, m in models.items() if "budgets" in m}
  length = {
    role: measured["length"]["subsets"]
    for role, measured in models.items()
    if role in ("before", "after")
  }
  by_difficulty = {
    role: next(iter(measured["temperatures"].values()))["subsets"]
    for role, measured in models.items()
    if role in ("before", "after", "direct")
  }
  learning, votes, budgets, length, by_difficulty = (
    {LABELS[role]: rows for role, rows in curves.items()}
    for curves in (learning, votes, budgets, length, by_difficulty)
  )
  pictures = {
    "learning curve": (plots.learning_curve, learning, "learning_curve"),
    "votes": (plots.votes, votes, "votes"),
    "budget": (plots.budget, budgets, "budget"),
    "thinking length": (plots.thinking_length, length, "thinking_length"),
    "by difficulty": (
      plots.accuracy_by_difficulty,
      by_difficulty,
      "accuracy_by_difficulty",
    ),
  }
  files = {"report": str(folder / "report.json")}
  for name, (draw, curves, stem) in pictures.items():
    if curves:
      files[name] = str(place / f"{stem}.png")
      draw(files[name], curves)
  if any((learning, votes, budgets, length)):
    files["overview"] = str(place / "overview.png")
    plots.overview(
      files["overview"],
      learning=learning,
      votes=votes,
      budget=budgets,
      length=length,
      title=title,
    )
  return files
