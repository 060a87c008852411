"""Finds the best of each prompt's candidates by letting them meet in pairs.

  python -m launch.tournament --model=runs/mini --candidates=FILE.jsonl \
    --strategy=knockout --output=DIR [--config=configs/tournament.py] \
    [--config.schedule.games=3] [--weights=rl@15] [--answer=number]
  python -m launch.tournament --judge=simulated:0.2 --candidates=gsm8k \
    --strategy=active --output=DIR

--model is a workdir of launch.train, or a Hugging Face folder as it is. In its
place --judge=simulated:E asks no model, but `correct`, and errs in a share E of
the answers: for planning. --candidates is a name or a JSONL file with `query`
and `candidates`, optional `id`, `subset` and `correct`. --strategy is knockout,
round_robin, random, swiss or active. Writes DIR/report.json, DIR/matches.jsonl
and DIR/judgements.jsonl.

The same command continues a run that was killed: what is in OUTPUT/cache, or in
--cache, which several runs may share, is not judged again.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import jax
from absl import app, flags
from ml_collections import config_flags

from launch import setup
from rrm_jax import config, workdir
from rrm_jax import judge as judges
from rrm_jax.analysis import accuracy
from rrm_jax.analysis.tournament_table import readable
from rrm_jax.data import candidate_sets, gsm8k
from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import cached, gathered
from rrm_jax.records import Candidates, Comparison, Judging
from rrm_jax.tournament import contests, report, run, schedules, simulated
from rrm_jax.train import loading

_CONFIG = config_flags.DEFINE_config_file(
  "config", "configs/tournament.py", "How to play and judge, and its fields."
)
_MODEL = flags.DEFINE_string(
  "model", "", "A workdir, or a Hugging Face folder."
)
_JUDGE = flags.DEFINE_string(
  "judge", "", "simulated:E, a judge without a model that errs in a share E."
)
_CANDIDATES = flags.DEFINE_string(
  "candidates", None, "A name, or a JSONL file.", required=True
)
_STRATEGY = flags.DEFINE_string(
  "strategy", "", "Who meets whom; the config's if empty."
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_CACHE = flags.DEFINE_string(
  "cache", "", "Folder of judgements made before; OUTPUT/cache if empty."
)
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
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
  if bool(_MODEL.value) == bool(_JUDGE.value):
    raise ValueError("give one of --model and --judge")
  return config.from_mapping(config.Tournament, mapping)


def _simulated(spec: str, groups: Sequence[Candidates], seed: int) -> Judging:
  """The judge that a flag describes.

  Raises:
    ValueError: it describes none, or has nothing to go by.
  """
  kind, _, share = spec.partition(":")
  try:
    error = float(share)
  except ValueError:
    error = -1.0
  if kind != "simulated" or not 0 <= error <= 1:
    raise ValueError(
      f"--judge={spec} must be simulated:E with a share E of errors in [0, 1]"
    )
  for group in groups:
    if group.correct is None:
      raise ValueError(
        f"--judge={spec} goes by `correct`, which {group.uid!r} "
        f"({group.source}) lacks; add it, or take a --model"
      )
  return simulated.flat(error, seed)


@contextlib.contextmanager
def _opened(
  cfg: config.Tournament, everything: Sequence[Candidates], output: Path
) -> Iterator[tuple[Sequence[Candidates], Judging]]:
  """Who judges, and the prompts that it can read."""
  if _JUDGE.value:
    yield everything, _simulated(_JUDGE.value, everything, cfg.seed)
    return
  judge = judges.load(_MODEL.value, cfg, _WEIGHTS.value)
  groups = loading.fitting_groups(
    everything, judge.tokenizer, judge.template, cfg.max_prompt_tokens
  )
  with Cache(Path(_CACHE.value or output / "cache")) as cache:
    logging.info(cache.told(judge.identity))
    stream = cached(judge.stream, cache, judge.identity)
    yield groups, gathered(judges.watched(stream, "judging"))


def _tell(progress: run.Progress) -> None:
  logging.info(
    "round %d: %d of %d prompts played, %d judgements of at most %d",
    progress.round, progress.open, progress.prompts, progress.judgements,
    progress.most,
  )  # fmt: skip


def _tournament(cfg: config.Tournament) -> dict:
  output = setup.output_folder(_OUTPUT.value)
  everything = candidate_sets.resolve(_CANDIDATES.value)
  for group in everything:  # before a model is loaded
    schedules.check(group, cfg.schedule)
  with _opened(cfg, everything, output) as (groups, judging):
    outcome = run.play(groups, judging, cfg.schedule, _tell)
  comparisons = contests.comparisons(groups, outcome.matches)
  known = {comparison.uid: comparison for comparison in comparisons}
  judged = None  # where nobody has anyone to meet
  if outcome.judgements:
    judged = accuracy.summary(outcome.judgements, known)
  path = output / "report.json"
  made = {
    "name": _CANDIDATES.value,
    "model": _MODEL.value or _JUDGE.value,
    "weights": _WEIGHTS.value,
    "simulated": bool(_JUDGE.value),
    "config": config.to_mapping(cfg),
    "left_out": len(everything) - len(groups),
    **report.figures(
      groups, outcome, cfg.rating, judge=judged, extract=_extract(),
      resamples=cfg.resamples, seed=cfg.seed,
    ),
    "files": {**_written(output, outcome, known), "report": str(path)},
  }  # fmt: skip
  workdir.write_whole(path, json.dumps(made, indent=2) + "\n")
  return made


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
  except ValueError as error:
    setup.fail(error)
    return 1
  print(readable(made))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
