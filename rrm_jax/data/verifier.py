r"""Whether a solution's final answer is the right one, by rule.

The rule is math-verify's (Kydlíček, Hugging Face), which many RL recipes for
mathematics use: it finds the last `\boxed{...}`, formula or number of a text
and compares as mathematics, so that 1/2, 0.5 and \frac{1}{2} are one answer.
On top of it: GSM8K's mark `#### N`, where a solution has it, says where the
answer stands, whatever follows; and where 35 is right, so is 35 %, which is the
answer to a question for a percentage.
"""

import enum
import functools
import re
from typing import Any

import math_verify

_PERCENT = re.compile(r"\\?%")
# Of 0.35 and 0.35 % nobody can say which is meant.
_AT_LEAST_ONE = re.compile(r"[1-9][\d,]*(?:\.\d+)?")
_MARK = re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE)


class Finding(enum.StrEnum):
  """What a solution's final answer is."""

  RIGHT = "right"
  WRONG = "wrong"
  MISSING = "missing"


def verify(solution: str, answer: str) -> Finding:
  """Holds a solution against the reference answer.

  It may only be called from a process's main thread: sympy can take for ever,
  and is stopped by a signal after 5 seconds, which counts as wrong.

  Args:
    solution: Whatever was written, its final answer last.
    answer: The reference: a number or a formula, in LaTeX or plain; another
      text is compared as it is written.

  Raises:
    ValueError: the reference has nothing to compare with.
  """
  reference = _reference(answer)
  found = math_verify.parse(_conclusion(solution))
  if not found:
    return Finding.MISSING
  right = math_verify.verify(reference, found)
  if not right and _AT_LEAST_ONE.fullmatch(answer.strip()):
    bare = _PERCENT.sub("", _conclusion(solution))
    right = math_verify.verify(reference, math_verify.parse(bare))
  return Finding.RIGHT if right else Finding.WRONG


@functools.lru_cache(maxsize=1024)
def _reference(answer: str) -> list[Any]:
  r"""A reference as mathematics; what stands in a box is read as LaTeX."""
  boxed = answer if "\\boxed" in answer else f"\\boxed{{{answer}}}"
  found = math_verify.parse(boxed) if answer.strip() else []
  if not found:
    raise ValueError(
      f"the reference answer {answer!r} cannot be read, so nothing can be held "
      "against it"
    )
  return found


def _conclusion(solution: str) -> str:
  """Where to look for the final answer: after the last mark, or anywhere."""
  marked = _MARK.findall(solution)
  return marked[-1] if marked else solution
