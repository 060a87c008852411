r"""From a judge's text to its verdict.

The rules are those of the RRM paper's evaluation code (Guo et al. 2025,
arXiv:2505.14674): the text between the first closing tag and the next, in it
the last `\boxed{...}`, whose content must be exactly one of the two names.
"""

from rrm_jax.records import Invalid, Verdict

_CLOSING_TAG = "</think>"
_BOXES = ("\\boxed{", "\\fbox{")  # the second where there is no first
_WINNERS = {"Assistant 1": 1, "Assistant 2": 2}


def parse(text: str, *, thinking: bool, stopped: bool) -> Verdict:
  """The verdict of a completion; total, whatever the text.

  Args:
    text: The completion. Whether it or its prompt opened the thought makes no
      difference.
    thinking: Whether the judge had to think. Then a text without a closing
      tag carries no verdict; else it is read as a whole.
    stopped: Whether the completion ended by itself. If not, what is missing
      in it counts as truncated.
  """
  _, tag, answer = text.partition(_CLOSING_TAG)
  if tag:
    answer = answer.partition(_CLOSING_TAG)[0]
  elif thinking:
    return _missing(Invalid.NO_CLOSING_TAG, stopped)
  else:
    answer = text
  content = _last_box(answer)
  if content is None:
    return _missing(Invalid.NO_BOX, stopped)
  winner = _WINNERS.get(content)
  if winner is None:
    return Verdict(None, Invalid.WRONG_CONTENT)
  return Verdict(winner)


def _missing(reason: Invalid, stopped: bool) -> Verdict:
  return Verdict(None, reason if stopped else Invalid.TRUNCATED)


def _last_box(text: str) -> str | None:
  """The content of the last box; None if there is none, or it is open."""
  for box in _BOXES:
    begin = text.rfind(box)
    if begin >= 0:
      return _balanced(text[begin + len(box) :])
  return None


def _balanced(text: str) -> str | None:
  """What stands before the brace that closes an already open one."""
  depth = 1
  for i, character in enumerate(text):
    depth += (character == "{") - (character == "}")
    if depth == 0:
      return text[:i]
  return None
