"""GSM8K's released solutions, from GitHub's openai/grade-school-math.

The file is example_model_solutions.jsonl: the test questions with four models'
solutions each.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from rrm_jax import stable_hash
from rrm_jax.data import jsonl, reading, rows
from rrm_jax.records import Candidates, Comparison, Message

_FILE = "example_model_solutions.jsonl"
_FIELDS = ("question", "ground_truth")
_TORA = tuple(
  f"{name}.gsm8k.test.jsonl" for name in ("tora-70b-v1.0", "tora-code-34b-v1.0")
)
_DATA = "grade_school_math/data"
_TEST_SHARE = 0.1
# An annotation which was never closed ends with the expression.
_CALCULATOR = re.compile(r"<<[^<>\n]*>>|<<[^<>\s]*")
_BOX = re.compile(r"\\boxed\{([^{}]*)\}")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_FINAL_ANSWER = re.compile(r"A:\s*\$?(-?[0-9.,]*[0-9])\s*\Z")


def read(
  folder: Path, split: Literal["train", "test"] | None = None
) -> reading.Reading[Comparison]:
  """Pairs each correct with each incorrect solution of a GSM8K question.

  731 questions (Cobbe et al., arXiv:2110.14168) have both kinds, 2,429 pairs in
  all. That a solution is correct is checked again, by the number after its
  "A:". A pair is named after its question and the two solutions' places.

  The calculator annotations in the solutions, as in "2/2=<<2/2=1>>1", are
  stripped: they were instructions to the models' calculator and repeat what
  stands beside them, and a judge would meet them nowhere else.

  Args:
    folder: That with the file in it, or the repository.
    split: A tenth of the questions, chosen by a stable hash, is for testing;
      None gives the pairs of all.

  Raises:
    ValueError: as `reading.gather`, or a mark does not agree with a solution.
  """

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
    question = row.text("question")
    if split is None or held_out(question) == (split == "test"):
      yield from _pairs(row, notes)

  return reading.gather([solutions_file(folder)], _FIELDS, make)


def read_groups(
  folder: Path, tora: Path | None = None
) -> reading.Reading[Candidates]:
  """The 1,319 test questions, each with six models' solutions.

  Four are of the data set's authors' models, two of ToRA's (Gou et al., arXiv
  2309.17452), which contain programs. The candidates stand in that order
  everywhere, so place k is always model k. Whether a solution is correct is
  checked by its final number.

  Args:
    folder: As in `read`.
    tora: The folder with ToRA's two files of outputs; beside the other, and
      named tora_gsm8k, if None.

  Raises:
    ValueError: as `read`, or the files are not of the same questions.
  """
  tora = tora or folder.parent / "tora_gsm8k"
  programs = [
    [v for v, _ in rows.read(rows.named_file(tora, name))] for name in _TORA
  ]

  def make(row: reading.Row, notes: reading.Notes) -> Iterable[Candidates]:
    solutions = _solutions(row)
    for name, theirs in zip(_TORA, programs, strict=True):
      if row.place >= len(theirs):
        raise ValueError(f"{name} has {len(theirs)} rows; fetch it again")
      solutions.append(_program(theirs[row.place], row.text("question")))
    texts = tuple(text for text, _ in solutions)
    reading.count_texts(texts, notes)
    yield Candidates(
      uid=f"gsm8k-{row.place:04d}",
      conversation=(Message("user", row.text("question")),),
      responses=texts,
      correct=tuple(correct for _, correct in solutions),
      source=row.source,
    )

  return reading.gather([solutions_file(folder)], _FIELDS, make)


def final_number(response: str) -> str | None:
  """The answer of a mathematical solution: the last number in its last box.

  Without a box with a number in it, the last number of all. Numbers that are
  written differently, as 84 and 84.0, are the same answer.
  """
  boxed = _NUMBER.findall(" ".join(_BOX.findall(response)))
  found = boxed or _NUMBER.findall(response)
  return f"{float(found[-1].replace(',', '')):g}" if found else None


def solutions_file(folder: Path) -> Path:
  """The file of released solutions, in its folder or in the repository.

  Raises:
    ValueError: it is in neither.
  """
  return rows.named_file(folder, _FILE, f"{_DATA}/{_FILE}")


def questions_file(folder: Path, split: str) -> Path:
  """The file of a split's questions and answers, "train" or "test".

  Raises:
    ValueError: it is not there.
  """
  name = f"{split}.jsonl"
  return rows.named_file(folder, name, f"{_DATA}/{name}")


def held_out(question: str, share: float = _TEST_SHARE) -> bool:
  """Whether a question is for testing: by a stable hash of its text."""
  return stable_hash.fraction("gsm8k", question) < share


def without_annotations(solution: str) -> str:
  """A solution without what the calculator was told."""
  return _CALCULATOR.sub("", solution)


def _pairs(row: reading.Row, notes: reading.Notes) -> Iterable[Comparison]:
  """All pairs of one question; solutions count from 0 in the row's order."""
  solutions = list(enumerate(_solutions(row)))
  right = [(number, text) for number, (text, good) in solutions if good]
  wrong = [(number, text) for number, (text, good) in solutions if not good]
  for first, chosen in right:
    for second, rejected in wrong:
      yield reading.comparison(
        row,
        f"gsm8k-{row.place:04d}-{first}-{second}",
        notes,
        {
          "query": row.values["question"],
          "chosen": chosen,
          "rejected": rejected,
        },
      )


def _solutions(row: reading.Row) -> list[tuple[str, bool]]:
  """The models' solutions of a question, and whether each is correct.

  Raises:
    ValueError: the row says otherwise than the solution's last number.
  """
  answer = _final_answer(row.text("ground_truth"))
  solutions = []
  for name in (n for n in row.values if n not in _FIELDS):
    text = row.text(name, "solution")
    correct = row.values[name].get("is_correct")
    if correct is not (_final_answer(text) == answer):
      raise ValueError(
        f"{name}.is_correct={correct} does not agree with the solution, which "
        f"ends in {_final_answer(text)}, where {answer} is right"
      )
    solutions.append((without_annotations(text), correct))
  return solutions


def _program(values: Mapping[str, Any], question: str) -> tuple[str, bool]:
  """ToRA's solution of a question, and whether it is correct.

  Raises:
    ValueError: it is of another question, or has other fields.
  """
  try:
    theirs, code = values["question"], values["code"][0]
    right = _value(values["pred"][0]) == _value(values["gt"])
  except (KeyError, TypeError, IndexError, AttributeError) as error:
    raise ValueError(f"ToRA's row has other fields: {error!r}") from None
  if theirs != question:
    raise ValueError(
      f"ToRA's question is {jsonl.show(theirs)} where GSM8K's is "
      f"{jsonl.show(question)}"
    )
  return code, right


def _value(text: str) -> float | None:
  """The number that a whole text is, if it is one."""
  plain = text.replace(",", "")
  return float(plain) if _NUMBER.fullmatch(plain) else None


def _final_answer(text: str) -> float | None:
  found = _FINAL_ANSWER.search(text.strip().split("\n")[-1])
  if found is None:
    return None
  try:
    return float(found[1].replace(",", ""))
  except ValueError:
    return None
