r"""Finds the best of each prompt's candidates by letting them meet in pairs.

  python -m launch.tournament --model=runs/mini --candidates=FILE.jsonl \
    --strategy=knockout --output=DIR [--config=configs/tournament.py] \
    [--config.schedule.games=3] [--weights=rl@15] [--answer=number]
  python -m launch.tournament --judge=simulated:0.2 --candidates=gsm8k \
    --strategy=active --output=DIR

--model is a workdir of launch.train, or a Hugging Face folder as it is. In its
place --judge may be an endpoint, someone's verdicts, or simulated:E, which goes
by `correct` and errs in a share E: see `launch/judges.py`. --candidates is a
JSONL, JSON or Parquet file with `query` and `candidates`, optional `id`,
`subset` and `correct`, or a name; a benchmark is scored by its own rule too
(`ppe` is PPE's three sets). --strategy is knockout, round_robin, random, swiss
or active. Writes DIR/report.json, DIR/matches.jsonl, DIR/judgements.jsonl,
DIR/plots/ and DIR/report.html: one page with all of it, down to what the judge
wrote on any match, to open in a browser.
--beside=DIR,DIR draws the curves of other tournaments on the same prompts with
this one's.

The same command continues a run that was killed: what is in OUTPUT/cache, or in
--cache, which several runs may share, is not judged again.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import judges, setup
from rrm_jax import config, workdir
from rrm_jax.analysis import accuracy, tournament_curves, tournament_plots
from rrm_jax.analysis.tournament_table import readable
from rrm_jax.benchmarks import best_of
from rrm_jax.data import candidate_sets, gsm8k, public_sets
from rrm_jax.judgements import rows
from rrm_jax.judgements.streams import gathered
from rrm_jax.records import Candidates, Comparison
from rrm_jax.tournament import contests, html_page, report, run, schedules

flags.adopt_module_key_flags(judges)
_CONFIG = setup.config_flag(
  "How to play and judge, and its fields.", "tournament.py"
)
_CANDIDATES = flags.DEFINE_string(
  "candidates", None, "A name, or a file of rows.", required=True
)
_STRATEGY = flags.DEFINE_string(
  "strategy", "", "Who meets whom; the config's if empty."
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_BESIDE = flags.DEFINE_list(
  "beside", [], "Outputs of other tournaments, to be drawn with this one."
)
_ANSWER = flags.DEFINE_enum(
  "answer", "none", ["none", "number"],
  "What of a candidate counts in the candidates' own majority vote.",
)  # fmt: skip


def _config() -> config.Tournament:
  """The config, with the strategy of the flag."""
  mapping = _CONFIG.value.to_dict()
  if _STRATEGY.value:
    mapping["schedule"]["strategy"] = _STRATEGY.value
  return config.from_mapping(config.Tournament, mapping)


def _tell(progress: run.Progress) -> None:
  logging.info(
    "round %d: %d of %d prompts played, %d judgements of at most %d",
    progress.round, progress.open, progress.prompts, progress.judgements,
    progress.most,
  )  # fmt: skip


def _tournament(cfg: config.Tournament) -> dict:
  output = setup.output_folder(_OUTPUT.value)
  judges.check()
  run_of = {"name": _CANDIDATES.value, **judges.names()}
  setup.keep_others(output / "report.json", run_of)
  others = tournament_curves.read(_BESIDE.value)
  everything = candidate_sets.resolve(_CANDIDATES.value)
  name = public_sets.name(_CANDIDATES.value)
  best_of.check(name, everything)
  for group in everything:  # before a model is loaded
    schedules.check(group, cfg.schedule)
  with judges.opened(cfg, output) as judge:
    groups = judge.fitting.groups(everything)
    outcome = run.play(groups, gathered(judge.stream), cfg.schedule, _tell)
  comparisons = contests.comparisons(groups, outcome.matches)
  known = {comparison.uid: comparison for comparison in comparisons}
  judged = None  # where nobody has anyone to meet
  if outcome.judgements:
    judged = accuracy.summary(outcome.judgements, known)
  path = output / "report.json"
  figures = report.figures(
    groups, outcome, cfg.rating, judge=judged, extract=_extract(),
    resamples=cfg.resamples, seed=cfg.seed,
  )  # fmt: skip
  made = {
    "name": _CANDIDATES.value,
    "model": judge.model,
    "weights": judge.weights,
    "simulated": judge.simulated,
    "config": config.to_mapping(cfg),
    "left_out": len(everything) - len(groups),
    **figures,
    "published": _published(name, groups, figures["results"]),
  }
  made["curves"] = tournament_curves.curves(made, others)
  page = output / "report.html"
  made["files"] = {
    **_written(output, outcome, known),
    **_drawn(output / "plots", made),
    "page": str(page),
    "report": str(path),
  }
  workdir.write_whole(page, html_page.render(made, groups, outcome))
  workdir.write_whole(path, json.dumps(made, indent=2) + "\n")
  return made


def _published(
  name: str, groups: Sequence[Candidates], results: Sequence[Mapping]
) -> dict | None:
  """The benchmark's own score; None if it has none, or too much is left out."""
  try:
    return best_of.report(
      name,
      [
        best_of.Rated(group, result["ratings"], result["chosen"])
        for group, result in zip(groups, results, strict=True)
      ],
    )
  except ValueError as error:  # `check` passed: prompts that are too long
    logging.warning("%s: no published score: %s", name, error)
    return None


def _written(
  output: Path, outcome: run.Outcome, known: Mapping[str, Comparison]
) -> dict[str, str]:
  """Writes what was played and what was said; returns the files by name."""
  lines = {
    "matches": map(report.match_row, outcome.matches),
    "judgements": (
      rows.labelled(one, known[one.uid]) for one in outcome.judgements
    ),
  }
  paths = {name: output / f"{name}.jsonl" for name in lines}
  for name, some in lines.items():
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some)
    workdir.write_whole(paths[name], text)
  return {name: str(path) for name, path in paths.items()}


def _drawn(folder: Path, made: Mapping) -> dict[str, str]:
  """Draws what there is; returns the files by what they show."""
  folder.mkdir(exist_ok=True)
  files = {}
  if made["curves"]:
    files["curves"] = str(folder / "curves.png")
    tournament_plots.curves(files["curves"], made["best_of"], made["curves"])
  if made["leaderboard"]:
    files["leaderboard"] = str(folder / "leaderboard.png")
    tournament_plots.leaderboard(files["leaderboard"], made["leaderboard"])
  return files


def _extract() -> Callable[[str], str | None] | None:
  return gsm8k.final_number if _ANSWER.value == "number" else None


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    cfg = _config()
    setup.compilation_cache()
    with jax.transfer_guard("disallow"):
      made = _tournament(cfg)
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  print(readable(made))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
