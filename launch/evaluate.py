"""Measures a judge on labelled comparisons.

  python -m launch.evaluate --model=runs/mini --data=llmbar --output=DIR \
    [--config=configs/evaluate.py] [--config.samples=5] [--weights=rl@15]

--model is a workdir of launch.train, or a Hugging Face folder as it is.
--data is a benchmark's name or a JSONL file with `query` and either `chosen`
and `rejected`, or `response_1`, `response_2` and `label`; optional `id` and
`subset`. Writes DIR/judgements.jsonl as it goes, then DIR/report.json.

The same command continues a run that was killed: what is in OUTPUT/cache, or in
--cache, which several runs may share, is not judged again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from absl import app, flags
from ml_collections import config_flags

from launch import setup
from rrm_jax import config, voting, workdir
from rrm_jax import judge as judges
from rrm_jax.analysis import evaluation
from rrm_jax.analysis.summary import readable
from rrm_jax.data import public_sets
from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import cached
from rrm_jax.records import Comparison, Judgement
from rrm_jax.train import loading
from rrm_jax.train.report import write_json

_CONFIG = config_flags.DEFINE_config_file(
  "config", "configs/evaluate.py", "How to judge, and its fields."
)
_MODEL = flags.DEFINE_string(
  "model", None, "A workdir, or a Hugging Face folder.", required=True
)
_DATA = flags.DEFINE_string(
  "data", None, "A benchmark's name, or a JSONL file.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_CACHE = flags.DEFINE_string(
  "cache", "", "Folder of judgements made before; OUTPUT/cache if empty."
)
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)


def _judgements(
  judge: judges.Judge,
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
  with (
    Cache(Path(_CACHE.value or output / "cache")) as cache,
    path.open("w", encoding="utf-8") as file,
  ):
    logging.info(cache.told(judge.identity))
    stream = cached(judge.stream, cache, judge.identity)
    for batch in judges.watched(stream, "judging")(asked):
      made |= batch.made
      file.writelines(_line(one, known) for one in batch.made.values())
      file.flush()
  ordered = [made[number] for number in range(len(asked))]
  workdir.write_whole(path, "".join(_line(one, known) for one in ordered))
  return ordered


def _line(judgement: Judgement, known: Mapping[str, Comparison]) -> str:
  row = rows.labelled(judgement, known[judgement.uid])
  return json.dumps(row, ensure_ascii=False) + "\n"


def _evaluate(cfg: config.Evaluate) -> dict:
  output = setup.output_folder(_OUTPUT.value)
  everything = public_sets.resolve(_DATA.value)
  judge = judges.load(_MODEL.value, cfg, _WEIGHTS.value)
  comparisons = loading.fitting(
    everything, judge.tokenizer, judge.template, cfg.max_prompt_tokens
  )
  made = _judgements(judge, comparisons, cfg, output)
  report = {
    "name": _DATA.value,
    "seed": cfg.seed,
    "model": _MODEL.value,
    "config": config.to_mapping(cfg),
    **evaluation.figures(made, comparisons, cfg),
    "left_out": len(everything) - len(comparisons),
    "files": {
      "report": str(output / "report.json"),
      "judgements": str(output / "judgements.jsonl"),
    },
  }
  write_json(output / "report.json", report)
  return report


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    cfg = config.from_mapping(config.Evaluate, _CONFIG.value.to_dict())
    setup.compilation_cache()
    with jax.transfer_guard("disallow"):
      report = _evaluate(cfg)
  except ValueError as error:
    setup.fail(error)
    return 1
  print(readable(report))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
