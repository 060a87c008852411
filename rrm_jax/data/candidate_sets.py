"""Public sets of candidates whose correctness is known, by name.

They are not part of the project: RRM_SHARED names the folder which holds
them.
"""

import re
from pathlib import Path
from typing import Any

from rrm_jax.data import candidates, jsonl, public_sets
from rrm_jax.records import Candidates

_TORA = ("tora-70b-v1.0", "tora-code-34b-v1.0")
_BOX = re.compile(r"\\boxed\{([^{}]*)\}")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")


def resolve(spec: str) -> list[Candidates]:
  """Finds candidates by a name, or by the path of a JSONL file.

  "gsm8k" is the test set with six solutions of each question.

  Raises:
    ValueError: the folder of a named set cannot be found, or its files or
      the JSONL file cannot be read.
  """
  if spec == "gsm8k":
    folder = public_sets.shared_folder(spec)
    return read_gsm8k(folder / "gsm8k", folder / "tora_gsm8k")
  try:
    return candidates.read_candidates(spec)
  except ValueError as error:
    if Path(spec).exists():
      raise
    raise ValueError(f"{error}, or the name gsm8k") from None


def read_gsm8k(gsm8k: str | Path, tora: str | Path) -> list[Candidates]:
  """GSM8K's 1,319 test questions, each with six models' solutions.

  Four are of the data set's authors' models (Cobbe et al., arXiv 2110.14168),
  two of ToRA's (Gou et al., arXiv 2309.17452), which contain programs. The
  candidates stand in that order everywhere, so place k is always model k.
  Whether a solution is correct is checked by its final number. Calculator
  annotations are stripped, as in `public_sets.read_gsm8k_pairs`.

  Args:
    gsm8k: The folder with example_model_solutions.jsonl.
    tora: The folder with ToRA's two files of outputs.

  Raises:
    ValueError: a file cannot be read, has bad rows, or the files are not of
      the same questions.
  """
  path = Path(gsm8k) / "example_model_solutions.jsonl"
  others = [Path(tora) / f"{name}.gsm8k.test.jsonl" for name in _TORA]
  rows = public_sets.read_json_lines(path)
  programs = [public_sets.read_json_lines(other) for other in others]
  for other, theirs in zip(others, programs, strict=True):
    if len(theirs) != len(rows):
      raise ValueError(
        f"{other} has {len(theirs)} rows and {path} {len(rows)}; they must be "
        "of the same questions"
      )
  groups: list[Candidates] = []
  problems: list[str] = []
  for place, (row, *theirs) in enumerate(zip(rows, *programs, strict=True)):
    source = f"{path}:{place + 1}"
    try:
      groups.append(_gsm8k_group(row, theirs, place, source))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
      problems.append(f"{source}: no GSM8K row: {error!r}")
    except ValueError as error:
      problems.append(f"{source}: {error}")
  jsonl.raise_problems(path, problems, len(rows))
  return groups


def final_number(response: str) -> str | None:
  """The answer of a mathematical solution: the last number in its last box.

  Without a box with a number in it, the last number of all.

  Numbers that are written differently, as 84 and 84.0, are the same answer.
  """
  boxed = _NUMBER.findall(" ".join(_BOX.findall(response)))
  found = boxed or _NUMBER.findall(response)
  return f"{float(found[-1].replace(',', '')):g}" if found else None


def _gsm8k_group(
  row: dict, programs: list[dict[str, Any]], place: int, source: str
) -> Candidates:
  solutions = public_sets.gsm8k_solutions(row)
  for program in programs:
    if program["question"] != row["question"]:
      raise ValueError(
        f"ToRA's question is {jsonl.show(program['question'])} where GSM8K's "
        f"is {jsonl.show(row['question'])}"
      )
    right = _value(program["pred"][0]) == _value(program["gt"])
    solutions.append((program["code"][0], right))
  return candidates.candidates_from_row(
    {
      "id": f"gsm8k-{place:04d}",
      "query": row["question"],
      "candidates": [text for text, _ in solutions],
      "correct": [correct for _, correct in solutions],
    },
    default_uid="",
    source=source,
  )


def _value(text: str) -> float | None:
  """The number that a whole text is, if it is one."""
  plain = text.replace(",", "")
  return float(plain) if _NUMBER.fullmatch(plain) else None
