"""Measures a judge on labelled comparisons.

  python -m launch.evaluate --model=runs/mini --data=llmbar --output=DIR \
    [--config=configs/evaluate.py] [--config.samples=5] [--weights=rl@15]

--model is a workdir of launch.train, or a Hugging Face folder as it is.
--data is a benchmark's name or a JSONL file with `query` and either `chosen`
and `rejected`, or `response_1`, `response_2` and `label`; optional `id` and
`subset`. Writes DIR/judgements.jsonl as it goes, then DIR/report.json.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags
from ml_collections import config_flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.analysis import accuracy, test_time
from rrm_jax.analysis.summary import readable
from rrm_jax.data import public_sets
from rrm_jax.judge import Judge
from rrm_jax.metrics import Progress
from rrm_jax.prompts import numbered
from rrm_jax.records import Comparison, Judgement
from rrm_jax.sampling import layouts
from rrm_jax.sampling.completions import Throughput
from rrm_jax.sampling.engine import prepared
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
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)


def _judge(cfg: config.Evaluate, folder: Path, weights: str) -> Judge:
  """The trained model as a judge.

  Raises:
    ValueError: the folder holds no model, or no such weights.
  """
  layout = sharding.layout(cfg.mesh)
  model = loading.model(folder, layout, weights, cfg.compute_dtype)
  layout = layouts.decode_layout(layout, cfg.engine.weights, model.cfg)
  return Judge(
    prepared(model.params, cfg=model.cfg, layout=layout),
    model.cfg,
    model.tokenizer,
    cfg.template or model.template,
    cfg.sampling,
    layout,
    seed=cfg.seed,
    limits=cfg.engine,
  )


def _judgements(
  judge: Judge,
  comparisons: Sequence[Comparison],
  cfg: config.Evaluate,
  path: Path,
) -> list[Judgement]:
  """Judges, writing each batch down before the next is begun."""
  known = {comparison.uid: comparison for comparison in comparisons}
  asked = numbered(judge.prompts(comparisons, cfg.order), cfg.samples)
  made: list[Judgement] = []
  speed = Throughput()
  with (
    path.open("w", encoding="utf-8") as file,
    Progress("judging", len(asked)) as progress,
  ):
    for batch, one in judge.batches(asked):
      for judgement in batch:
        row = _row(judgement, known[judgement.uid])
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
      file.flush()
      made += batch
      valid = sum(j.verdict.winner is not None for j in made)
      figures = speed(one)
      progress.update(
        len(made), {"valid": valid / max(1, len(made)), **figures}
      )
  return made


def _row(judgement: Judgement, comparison: Comparison) -> dict:
  verdict = judgement.verdict
  return {
    "id": judgement.uid,
    "subset": comparison.subset,
    "sample": judgement.sample_id,
    "swapped": judgement.swapped,
    "winner": verdict.winner,
    "invalid": verdict.invalid,
    "label": comparison.label,
    "finish": judgement.finish,
    "prompt_tokens": judgement.prompt_tokens,
    "thinking_tokens": judgement.thinking_tokens,
    "completion_tokens": judgement.completion_tokens,
    "text": judgement.text,
  }


def _evaluate(cfg: config.Evaluate) -> dict:
  judge = _judge(cfg, Path(_MODEL.value), _WEIGHTS.value)
  everything = public_sets.resolve(_DATA.value)
  comparisons = loading.fitting(
    everything, judge.tokenizer, judge.template, cfg.max_prompt_tokens
  )
  output = Path(_OUTPUT.value)
  output.mkdir(parents=True, exist_ok=True)
  judged = output / "judgements.jsonl"
  made = _judgements(judge, comparisons, cfg, judged)
  summary = accuracy.summary(made, comparisons, invalid=cfg.invalid)
  model: dict = {"temperatures": {str(cfg.sampling.temperature): summary}}
  if cfg.samples > 1:
    # All votes of both orders are ballots of one election.
    ballots = (
      [j for j in made if not j.swapped] if cfg.order == "both" else made
    )
    model["votes"] = test_time.votes(
      ballots, comparisons, list(range(1, cfg.samples + 1, 2))
    )
  report = {
    "name": _DATA.value,
    "seed": cfg.seed,
    "model": _MODEL.value,
    "config": config.to_mapping(cfg),
    **summary,
    "left_out": len(everything) - len(comparisons),
    "models": {"judge": model},
    "files": {
      "report": str(output / "report.json"),
      "judgements": str(judged),
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
