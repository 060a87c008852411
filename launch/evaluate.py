r"""Measures a judge on labelled comparisons.

  python -m launch.evaluate --model=runs/mini --data=llmbar --output=DIR \
    [--config=configs/evaluate.py] [--config.samples=5] [--weights=rl@15]
  python -m launch.evaluate --model=runs/mini --data=all --output=DIR

--model is a workdir of launch.train, or a Hugging Face folder as it is; in its
place --judge may be an endpoint, someone's verdicts or scores, or simulated:E,
which goes by the labels and errs in a share E: see `launch/judges.py`. --data
is a benchmark's name, NAME=FOLDER, `all` for every benchmark that is there, or
a JSONL file with `query` and either `chosen` and `rejected`, or `response_1`,
`response_2` and `label`; optional `id` and `subset`; JSON and Parquet files of
such rows too. A benchmark is scored by its published rule and, beside it, over
both orders with an interval. What has no label is judged and not scored.

Writes DIR/judgements.jsonl as it goes, then DIR/report.json, report.csv and
accuracy.png, and a line in a table of runs, --results. With `all` these are in
DIR/NAME, and DIR/summary.json says what was not judged and why; a benchmark of
parts (ppe) is one, the mean over them, if all of them are there.
The exit status is 0, or 1 after an error, or 2 if `all` did not judge all.

The same command continues a run that was killed: what is in OUTPUT/cache, or in
--cache, which several runs may share, is not judged again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import judges, report_card, setup
from rrm_jax import config, voting, workdir
from rrm_jax.analysis import benchmark_table
from rrm_jax.benchmarks import card, results
from rrm_jax.data import public_sets
from rrm_jax.judgements import rows
from rrm_jax.records import Comparison, Judgement
from rrm_jax.train.report import write_json

flags.adopt_module_key_flags(judges)
_CONFIG = setup.config_flag("How to judge, and its fields.", "evaluate.py")
_DATA = flags.DEFINE_string(
  "data", None, "A benchmark's name, `all`, or a file of rows.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_RESULTS = flags.DEFINE_string(
  "results", "", "Table of runs, .jsonl or .csv; OUTPUT/../results.jsonl if "
  "empty.",
)  # fmt: skip


def _judgements(
  judge: judges.Opened,
  comparisons: Sequence[Comparison],
  cfg: config.Evaluate,
  output: Path,
) -> list[Judgement]:
  """Judges, writing each batch down before the next is begun.

  The file has the judgements as they come, and in the end in the order in
  which they were asked for.
  """
  known = {comparison.uid: comparison for comparison in comparisons}
  asked = voting.questions(comparisons, cfg.samples, cfg.order, cfg.seed)
  path, made = output / "judgements.jsonl", dict[int, Judgement]()
  with path.open("w", encoding="utf-8") as file:
    for batch in judge.stream(asked):
      made |= batch.made
      file.writelines(_line(one, known) for one in batch.made.values())
      file.flush()
  ordered = [made[number] for number in range(len(asked))]
  workdir.write_whole(path, "".join(_line(one, known) for one in ordered))
  return ordered


def _line(judgement: Judgement, known: Mapping[str, Comparison]) -> str:
  row = rows.labelled(judgement, known[judgement.uid])
  return json.dumps(row, ensure_ascii=False) + "\n"


def _evaluate(
  data: report_card.DataSet,
  judge: judges.Opened,
  cfg: config.Evaluate,
  output: Path,
  table: Path,
) -> dict:
  """Judges a data set, and writes down and prints what came of it."""
  comparisons = judge.fitting.comparisons(data.comparisons)
  if why := report_card.unscored(data, comparisons):
    logging.warning("%s: no published score: %s", data.spec, why)
  made = _judgements(judge, comparisons, cfg, output)
  report = report_card.figures(data, comparisons, made, cfg, judge)
  report = report_card.write(report, output)
  results.append(table, report_card.line(report, output))
  report["files"]["results"] = str(table)
  print(benchmark_table.readable(report, card.rows(report)))
  return report


def _one(cfg: config.Evaluate, output: Path, table: Path) -> int:
  data = report_card.read(_DATA.value)
  _keep_others(data, output)
  with judges.opened(cfg, output) as judge:
    _evaluate(data, judge, cfg, output, table)
  return 0


def _keep_others(data: report_card.DataSet, output: Path) -> None:
  """Refuses to overwrite what another judge said, or on other data.

  Raises:
    ValueError: it is there.
  """
  run = {"name": data.spec, **judges.names()}
  setup.keep_others(output / "report.json", run)


def _all(cfg: config.Evaluate, output: Path, table: Path) -> int:
  """Every benchmark that can be read, one after the other.

  Raises:
    ValueError: none can be read.
  """
  found, missing = [], {}
  for name in public_sets.BENCHMARKS:
    try:
      found.append(report_card.read(name))
    except ValueError as error:
      logging.warning("%s is not judged; the end says why", name)
      missing[name] = str(error)
  if not found:
    raise ValueError(
      f"no benchmark can be read: {next(iter(missing.values()))}"
    )
  sets = {
    output / d.spec.replace("/", "-"): d for d in report_card.joined(found)
  }
  for folder, data in sets.items():
    _keep_others(data, folder)
  reports: list[dict] = []
  with judges.opened(cfg, output) as judge:
    for folder, data in sets.items():
      folder.mkdir(exist_ok=True)
      try:
        reports.append(_evaluate(data, judge, cfg, folder, table))
      except ValueError as error:
        logging.warning("%s is not judged: %s", data.spec, error)
        missing[data.spec] = str(error)
      print()
  scores = {report["name"]: report["benchmark"] for report in reports}
  write_json(
    output / "summary.json", {"benchmarks": scores, "not_judged": missing}
  )
  print(benchmark_table.overview(reports, missing))
  return 2 if missing else 0


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed, 2 done in part."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    cfg = config.from_mapping(config.Evaluate, _CONFIG.value.to_dict())
    judges.check()
    output = setup.output_folder(_OUTPUT.value)
    table = Path(_RESULTS.value or output.resolve().parent / "results.jsonl")
    results.check(table)
    setup.compilation_cache()
    with jax.transfer_guard("disallow"):
      run = _all if _DATA.value == "all" else _one
      return run(cfg, output, table)
  except setup.TOLD as error:
    setup.fail(error)
    return 1


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
