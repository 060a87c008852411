r"""Makes pairs to train a judge on from questions that can be verified.

  python -m tools.prepare_data pairs --problems=gsm8k/test \
    --answers=gsm8k/solutions,tora --output=DIR [--per_question=4] \
    [--test_share=0.1] [--nobalanced]

--problems are questions with reference answers: gsm8k/train, gsm8k/test,
webinstruct, NAME=FOLDER, or a file of rows with `query` and `answer`.
--answers are sampled answers to them, from one or several places:
gsm8k/solutions, tora, or files of rows with `query` and `candidates`. They are
matched by the question's text.

Writes DIR/train.jsonl, DIR/test.jsonl (other questions) and DIR/report.json,
which says what was left out and why. launch.train takes DIR as data.source.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from launch import setup
from rrm_jax.data import pairs, verifiable_sets
from rrm_jax.metrics import Progress


def define() -> None:
  """Defines its flags."""
  flags.DEFINE_string(
    "problems", None, "Questions with reference answers.", required=True
  )
  flags.DEFINE_list("answers", None, "Sampled answers.", required=True)
  flags.DEFINE_string("output", None, "Folder to write.", required=True)
  flags.DEFINE_integer(
    "per_question", 0, "The most pairs of one question; 0 for all."
  )
  flags.DEFINE_float("test_share", 0.1, "Of the questions, held out.")
  flags.DEFINE_bool(
    "balanced", True, "Whether the longer answer is right in half of the pairs."
  )


def made(
  problems: str,
  answers: Sequence[str],
  per_question: int,
  test_share: float,
  balanced: bool,
) -> pairs.Pairs:
  """Reads, marks and pairs, with a bar for the marking.

  Raises:
    ValueError: something cannot be read, or there is nothing to pair.
  """
  asked = verifiable_sets.find_problems(problems).items
  said = [
    sample
    for spec in answers
    for sample in verifiable_sets.find_samples(spec).items
  ]
  with Progress("verifying", len(asked)) as progress:
    marked = pairs.mark(asked, said, lambda done: progress.update(done, {}))
  return pairs.make(
    marked, per_question=per_question, test_share=test_share, balanced=balanced
  )


def readable(report: dict) -> str:
  """The report as lines for a person."""
  questions, answers, counts = (
    report[name] for name in ("questions", "answers", "pairs")
  )
  longer = report["longer_is_right"]
  lines = [
    f"{questions['read']:,} questions, of which {questions['paired']:,} have "
    "right and wrong answers",
    *_reasons(questions),
    f"{answers['read']:,} answers: {answers['right']:,} right, "
    f"{answers['wrong']:,} wrong, {answers['without_final_answer']:,} without "
    "a final answer, which is wrong",
    *_reasons(answers),
    f"{counts['possible']:,} pairs; in {longer['possible']:.1%} of them the "
    "longer answer is right",
    *_reasons(counts),
    *(
      f"  {counts[split]:8,} for {split}"
      + (f", {longer[split]:.1%}" if counts[split] else "")
      for split in ("train", "test")
    ),
  ]
  return "\n".join(lines)


def _reasons(part: dict) -> list[str]:
  return [f"  {count:8,} {why}" for why, count in part["left_out"].items()]


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  given = flags.FLAGS
  try:
    found = made(
      given.problems,
      given.answers,
      given.per_question,
      given.test_share,
      given.balanced,
    )
    _write(found, Path(given.output))
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  print(readable(found.report))
  return 0


def _write(found: pairs.Pairs, folder: Path) -> None:
  """Writes the files; the report comes last."""
  folder.mkdir(parents=True, exist_ok=True)
  for split, made_pairs in {"train": found.train, "test": found.test}.items():
    lines = [json.dumps(pairs.row(p), ensure_ascii=False) for p in made_pairs]
    text = "".join(f"{line}\n" for line in lines)
    (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
  text = json.dumps(found.report, indent=2) + "\n"
  (folder / "report.json").write_text(text, encoding="utf-8")
