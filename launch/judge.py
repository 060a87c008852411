r"""Judges one comparison at the terminal, its reasoning shown as it is written.

  python -m launch.judge --model=PATH --query="What is 2+2?" \
    --response_1="5" --response_2="4" [--swapped] [--weights=rl@15] \
    [--config=configs/evaluate.py --config.sampling.temperature=0]

PATH is a workdir, or a Hugging Face folder. Each text may be @FILE. With
--config.samples=K it is judged K times, one after the other to read, and the
majority is told.
"""

import collections
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import setup
from rrm_jax import config, judge
from rrm_jax.records import Comparison, Judgement, Message, Question

_CONFIG = setup.config_flag("How to judge, and its fields.", "evaluate.py")
_MODEL = flags.DEFINE_string(
  "model", None, "A workdir, or a Hugging Face folder.", required=True
)
_QUERY = flags.DEFINE_string("query", None, "What was asked.", required=True)
_RESPONSES = tuple(
  flags.DEFINE_string(f"response_{i}", None, f"Answer {i}.", required=True)
  for i in (1, 2)
)
_SWAPPED = flags.DEFINE_bool("swapped", False, "Show the second answer first.")
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)
# Looked at so often that text appears as it is written.
_COLUMNS = 4


def _text(value: str) -> str:
  """A flag's text, or that of the file which it names.

  Raises:
    ValueError: the file cannot be read.
  """
  if not value.startswith("@"):
    return value
  try:
    return Path(value[1:]).read_text(encoding="utf-8")
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(f"{value}: {error}") from error


def _comparison() -> Comparison:
  first, second = (_text(flag.value) for flag in _RESPONSES)
  question = Message("user", _text(_QUERY.value))
  return Comparison(
    uid="terminal",
    conversation=(question,),
    responses=(first, second),
    label=None,
    subset="",
    source="the command line",
  )


def _show(one: judge.Judge, question: Question) -> Judgement:
  """Writes a judgement out while it is made."""
  stream = one.tokenizer.stream()
  begun, tokens = time.perf_counter(), 0
  for made, step in one.batches([question]):
    for written in step.written.values():
      tokens += len(written)
      print(stream.push(written.tolist()), end="", flush=True)
    if made:
      seconds = time.perf_counter() - begun
      print(stream.flush())
      print(_verdict(made[0], tokens / seconds))
      return made[0]
  raise AssertionError("the engine ended without a completion")


def _verdict(judgement: Judgement, rate: float) -> str:
  verdict = judgement.verdict
  said = f"no verdict: {verdict.invalid}"
  if verdict.winner is not None:
    said = f"response {verdict.winner} is better"
  return (
    f"--- {said} ({judgement.thinking_tokens} tokens of thought, "
    f"{judgement.completion_tokens} in all, {judgement.finish}, {rate:.1f} "
    "tokens/s)"
  )


def _run(cfg: config.Evaluate) -> None:
  engine = dataclasses.replace(cfg.engine, slots=8, columns=_COLUMNS)
  one = judge.load(
    _MODEL.value, dataclasses.replace(cfg, engine=engine), _WEIGHTS.value
  )
  comparison, swapped = _comparison(), _SWAPPED.value
  votes = [
    _show(one, Question(comparison, i, swapped)) for i in range(cfg.samples)
  ]
  if cfg.samples > 1:
    count = collections.Counter(vote.verdict.winner for vote in votes)
    print(
      f"votes: response 1 {count[1]}, response 2 {count[2]}, none {count[None]}"
    )


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    cfg = config.from_mapping(config.Evaluate, _CONFIG.value.to_dict())
    setup.compilation_cache()
    with jax.transfer_guard("disallow"):
      _run(cfg)
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
