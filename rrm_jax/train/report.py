"""The report at the end of a job: report.json and its pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rrm_jax import metrics, sharding, voting, weights, workdir
from rrm_jax.analysis import accuracy, plots, test_time
from rrm_jax.analysis.roles import LABELS
from rrm_jax.records import Judgement
from rrm_jax.train.job import Job


def write(job: Job) -> dict:
  """Measures the models that the config's evaluation names.

  Returns:
    What is in report.json; see `analysis.summary.readable` for its shape.
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
  stage = job.cfg.stages[where.partition("@")[0]]
  params = weights.saved_params(job.cfg, job.folder, where, job.layout)
  comparisons = job.held_out(cfg.comparisons)
  runs: dict[str, list[Judgement]] = {}
  for temperature in cfg.temperatures:
    judge = job.judge(params, stage.template, temperature)
    runs[str(temperature)] = judge(voting.questions(comparisons))
  measured: dict[str, Any] = {
    "temperatures": {
      temperature: accuracy.summary(judgements, comparisons)
      for temperature, judgements in runs.items()
    },
    "length": test_time.length_by_subset(
      runs[str(cfg.temperatures[0])], comparisons
    ),
  }
  hottest = cfg.temperatures[0]
  if cfg.votes and role in ("before", "middle", "after"):
    some = job.held_out(cfg.vote_comparisons)
    judge = job.judge(params, stage.template, hottest)
    votes = judge(voting.questions(some, max(cfg.votes)))
    measured["votes"] = test_time.votes(votes, some, cfg.votes)
  if cfg.budgets and role in ("before", "after") and stage.template.thinking:
    some = job.held_out(cfg.budget_comparisons)
    asked = voting.questions(some)
    measured["budgets"] = test_time.budget_curve(
      {
        budget: job.judge(params, stage.template, hottest, budget)(asked)
        for budget in cfg.budgets
      },
      some,
    )
  return measured


def _learning_curves(
  job: Job, roles: Mapping[str, str]
) -> dict[str, list[dict]]:
  """Held-out accuracy by step of the stages behind the trained roles."""
  rows = metrics.read(job.folder)
  curves = {}
  for role in ("after", "control", "direct"):
    phase = f"{roles.get(role, '').partition('@')[0]}_heldout"
    points = [
      {"step": row["step"], "accuracy": row["accuracy"]}
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
