"""Public data sets which are read from plain files, by name.

They are not part of the project: RRM_SHARED names the folder which holds
them.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from rrm_jax import stable_hash
from rrm_jax.data import jsonl, readers
from rrm_jax.records import Comparison

FOLDER_VARIABLE = "RRM_SHARED"

# LLMBar's folders, and what their rows count towards in a report.
_LLMBAR_SUBSETS = {
  "Natural": "natural",
  "Adversarial/Neighbor": "adversarial/neighbor",
  "Adversarial/GPTInst": "adversarial/gptinst",
  "Adversarial/GPTOut": "adversarial/gptout",
  "Adversarial/Manual": "adversarial/manual",
}
_GSM8K_TEST_SHARE = 0.1
# An annotation which was never closed ends with the expression.
_CALCULATOR = re.compile(r"<<[^<>\n]*>>|<<[^<>\s]*")
_FINAL_ANSWER = re.compile(r"A:\s*\$?(-?[0-9.,]*[0-9])\s*\Z")


def resolve(spec: str) -> list[Comparison]:
  """Finds data by a name, or by the path of a JSONL file.

  "llmbar" is the whole of it; "gsm8k" all verified solution pairs, or with
  "/train" or "/test" one of the two parts which share no question. A model
  trained on pairs must be measured on "gsm8k/test".

  Raises:
    ValueError: the folder of a named set cannot be found, or its files or
      the JSONL file cannot be read.
  """
  match spec:
    case "llmbar":
      return read_llmbar(shared_folder(spec) / "llmbar" / "LLMBar")
    case "gsm8k" | "gsm8k/train" | "gsm8k/test":
      file = "gsm8k/example_model_solutions.jsonl"
      pairs = shared_folder(spec) / file
      if spec == "gsm8k":
        return read_gsm8k_pairs(pairs)
      return read_gsm8k_pairs(
        pairs, "train" if spec == "gsm8k/train" else "test"
      )
  try:
    return readers.read_jsonl(spec)
  except ValueError as error:
    if Path(spec).exists():
      raise
    raise ValueError(
      f"{error}, or one of the names llmbar, gsm8k, gsm8k/train, gsm8k/test"
    ) from None


def read_llmbar(folder: str | Path) -> list[Comparison]:
  """Reads LLMBar (Zeng et al., arXiv 2310.07641): 419 comparisons.

  Args:
    folder: That with the folders Natural and Adversarial in it.

  Returns:
    Its five subsets, one after the other, in the order of the files.

  Raises:
    ValueError: a file is missing or has bad rows.
  """
  comparisons: list[Comparison] = []
  for part, subset in _LLMBAR_SUBSETS.items():
    path = Path(folder) / part / "dataset.json"
    rows = _read_json_list(path)
    problems = []
    for place, row in enumerate(rows):
      try:
        comparisons.append(_llmbar_comparison(row, subset, place, path))
      except ValueError as error:
        problems.append(f"{path}: row {place}: {error}")
    jsonl.raise_problems(path, problems, len(rows))
  return comparisons


def read_gsm8k_pairs(
  file: str | Path, split: Literal["train", "test"] | None = None
) -> list[Comparison]:
  """Pairs each correct with each incorrect solution of a GSM8K question.

  The file is example_model_solutions.jsonl of GSM8K (Cobbe et al., arXiv
  2110.14168): the test questions with four models' solutions each, of which
  731 have both kinds, 2,429 pairs in all. That a solution is correct is
  checked again, by the number after its "A:".

  The calculator annotations in the solutions, as in "2/2=<<2/2=1>>1", are
  stripped: they were instructions to the models' calculator and repeat what
  stands beside them, and a judge would meet them nowhere else.

  Args:
    file: The JSONL file.
    split: A tenth of the questions, chosen by a stable hash, is for testing;
      None gives the pairs of all.

  Raises:
    ValueError: the file cannot be read or has bad rows.
  """
  path = Path(file)
  pairs: list[Comparison] = []
  problems: list[str] = []
  rows = read_json_lines(path)
  for place, row in enumerate(rows):
    try:
      question = row["question"]
      held_out = stable_hash.fraction("gsm8k", question) < _GSM8K_TEST_SHARE
      if split is None or held_out == (split == "test"):
        pairs += _gsm8k_comparisons(row, place, f"{path}:{place + 1}")
    except (KeyError, TypeError, AttributeError) as error:
      problems.append(f"{path}:{place + 1}: no GSM8K row: {error!r}")
    except ValueError as error:
      problems.append(f"{path}:{place + 1}: {error}")
  jsonl.raise_problems(path, problems, len(rows))
  return pairs


def shared_folder(spec: str) -> Path:
  """The folder which the environment names.

  Raises:
    ValueError: it names none; the message says what was looked up.
  """
  folder = os.environ.get(FOLDER_VARIABLE)
  if not folder or not Path(folder).is_dir():
    state = f"{folder!r}, which is no folder" if folder else "not set"
    raise ValueError(
      f"the data set {spec!r} is looked up in the folder which the environment "
      f"variable {FOLDER_VARIABLE} names, and it is {state}; set it, or give "
      "the path of a JSONL file"
    )
  return Path(folder)


def _read_text(path: Path) -> str:
  try:
    return path.read_text(encoding="utf-8")
  except OSError as error:
    raise ValueError(
      f"{path} cannot be read: {error.strerror}; is the data set complete?"
    ) from None
  except UnicodeDecodeError as error:
    raise ValueError(f"{path} is not UTF-8: {error}") from None


def _read_json_list(path: Path) -> list:
  try:
    rows = json.loads(_read_text(path))
  except json.JSONDecodeError as error:
    raise ValueError(f"{path} is no valid JSON: {error}") from None
  if not isinstance(rows, list):
    raise ValueError(f"{path} must hold a list of rows")
  return rows


def read_json_lines(path: Path) -> list:
  """The decoded rows of a file.

  Raises:
    ValueError: it cannot be read, or a line is no JSON.
  """
  rows = []
  for line, text in enumerate(_read_text(path).split("\n"), start=1):
    if text.strip():
      try:
        rows.append(json.loads(text))
      except json.JSONDecodeError as error:
        raise ValueError(
          f"{path}:{line}: column {error.colno}: no valid JSON: {error.msg}"
        ) from None
  return rows


def _llmbar_comparison(
  row: Any, subset: str, place: int, path: Path
) -> Comparison:
  names = {
    "input": "query",
    "output_1": "response_1",
    "output_2": "response_2",
    "label": "label",
  }
  if not isinstance(row, dict) or set(names) - set(row):
    raise ValueError(f"the row must have {', '.join(names)}")
  return readers.comparison_from_row(
    {
      "id": f"llmbar-{subset.replace('/', '-')}-{place:03d}",
      "subset": subset,
      **{name: row[theirs] for theirs, name in names.items()},
    },
    default_uid="",
    source=f"{path}: row {place}",
  )


def gsm8k_solutions(row: dict) -> list[tuple[str, bool]]:
  """The models' solutions of a question, and whether each is correct.

  Raises:
    ValueError: the row says otherwise than the solution's last number.
  """
  answer = _final_answer(row["ground_truth"])
  solutions = []
  for name in row:
    if name in ("question", "ground_truth"):
      continue
    text = row[name]["solution"]
    correct = row[name]["is_correct"]
    if correct is not (_final_answer(text) == answer):
      raise ValueError(
        f"{name}.is_correct={correct} does not agree with the solution, which "
        f"ends in {_final_answer(text)}, where {answer} is right"
      )
    solutions.append((_CALCULATOR.sub("", text), correct))
  return solutions


def _gsm8k_comparisons(row: dict, place: int, source: str) -> list[Comparison]:
  """All pairs of one question; solutions count from 0 in the row's order."""
  solutions = list(enumerate(gsm8k_solutions(row)))
  right = [(number, text) for number, (text, good) in solutions if good]
  wrong = [(number, text) for number, (text, good) in solutions if not good]
  comparisons = []
  for first, chosen in right:
    for second, rejected in wrong:
      comparisons.append(
        readers.comparison_from_row(
          {
            "id": f"gsm8k-{place:04d}-{first}-{second}",
            "query": row["question"],
            "chosen": chosen,
            "rejected": rejected,
          },
          default_uid="",
          source=source,
        )
      )
  return comparisons


def _final_answer(text: str) -> float | None:
  found = _FINAL_ANSWER.search(text.strip().split("\n")[-1])
  if found is None:
    return None
  try:
    return float(found[1].replace(",", ""))
  except ValueError:
    return None
