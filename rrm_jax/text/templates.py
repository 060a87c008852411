"""Prompts: how a comparison is put to a judge.

The layout of "rrm" is the paper's (Guo et al. 2025, arXiv:2505.14674, and
their evaluation code): a system message with the judge's role and five rules,
and a user message with the query, both responses and the task. The wording is
this project's own; `config.Template.file` replaces it.

The paper's code refuses conversations of several turns. Here they are shown in
place of the query, turn by turn.
"""

import dataclasses
import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Literal

from rrm_jax import config, records
from rrm_jax.text import tokenizer as tokenizer_lib

# In a folder of exported weights: how their judge is asked.
_JUDGE_FILE, _WORDS_FILE = "judge.json", "judge_template.txt"
_SEPARATOR = "=== user ==="
_PLACEHOLDERS = ("query", "response_1", "response_2")

_RRM_SYSTEM = """\
You are a careful judge of answer quality. You are shown a user's query and \
the responses that two different AI assistants, Assistant 1 and Assistant 2, \
gave to it. Decide which of the two responds better. Exactly one of them must \
be chosen: never both, never neither.

Judge by these rules:
1. If the query is harmless, ask first whether each response does what the \
query asks for, honestly, precisely and closely. Only then weigh how helpful, \
accurate, suitably detailed and harmless it is.
2. If the query asks for something harmful, put safety first: prefer the \
response that does less harm.
3. A response should contain neither more nor less than was asked for. Count \
content that nobody wanted, and content that is missing, against it.
4. Be impartial.
   (a) The order of the responses means nothing. Assistant 1 and Assistant 2 \
are equally likely to be the better one.
   (b) Length is no merit and no fault by itself. Ask whether it suits the \
query.
5. Your final answer is the verdict alone, in a box: \\boxed{Assistant 1} or \
\\boxed{Assistant 2}."""

_RRM_USER = """\
## Query

{query}

## Assistant responses

### Assistant 1

{response_1}


### Assistant 2

{response_2}

## Analysis

"""
_RRM_TASK = {
  True: (
    "Analyse both responses step by step by the rules above, decide which "
    "assistant is better, and answer with \\boxed{Assistant 1} or "
    "\\boxed{Assistant 2}."
  ),
  False: (
    "Decide which assistant is better by the rules above, and answer at once, "
    "without any analysis, with \\boxed{Assistant 1} or \\boxed{Assistant 2}."
  ),
}
# Before the turns of a conversation; both responses answer its last.
_TURNS = "Both responses answer the last turn of this conversation:"
_ARITHMETIC_USER = "{query} A1:{response_1} A2:{response_2}"


@dataclasses.dataclass(frozen=True)
class Wording:
  """A system and a user message with placeholders; system may be empty.

  `turns` stands before the turns of a conversation, where there are several.
  """

  system: str
  user: str
  turns: str = _TURNS


@dataclasses.dataclass(frozen=True)
class Closing:
  """What is forced on a judge whose thinking budget has run out.

  After `text`, one of `choices` (each a single token) and `ending`, the
  completion carries a valid verdict.

  Attributes:
    text: Ends the thinking and opens the box.
    choices: For the first assistant, and for the second.
    ending: Closes the box.
  """

  text: str
  choices: tuple[str, str]
  ending: str


def prompt(
  tokenizer: tokenizer_lib.Tokenizer,
  template: config.Template,
  comparison: records.Comparison,
  swapped: bool = False,
) -> list[int]:
  """Token ids of the whole prompt, up to where the completion begins.

  Raises:
    ValueError: see `messages` and `Tokenizer.prompt`.
  """
  conversation = messages(template, comparison, swapped)
  return tokenizer.prompt(conversation, template.thinking)


def messages(
  template: config.Template,
  comparison: records.Comparison,
  swapped: bool = False,
) -> tuple[records.Message, ...]:
  """The conversation that asks a judge for its verdict.

  Args:
    template: Which wording.
    comparison: What to judge.
    swapped: Whether the second response is shown as Assistant 1's.

  Raises:
    ValueError: the last turn is not the user's, or the wording's file is
      missing or incomplete.
  """
  turns = comparison.conversation
  if not turns or turns[-1].role != "user":
    roles = ", ".join(turn.role for turn in turns)
    raise ValueError(
      f"comparison {comparison.uid!r} has the turns [{roles}]; the last must "
      "be the user's, which the responses answer"
    )
  first, second = comparison.responses
  if swapped:
    first, second = second, first
  words = wording(template)
  asked = _asked(comparison, words)
  values = dict(zip(_PLACEHOLDERS, (asked, first, second), strict=True))
  user = records.Message("user", _fill(words.user, values))
  if not words.system:
    return (user,)
  return (records.Message("system", _fill(words.system, values)), user)


def wording(template: config.Template) -> Wording:
  """The messages of a template before a comparison is filled in.

  A file holds the system message, a line `=== user ===` and the user message,
  with the placeholders {query}, {response_1} and {response_2} once or more.
  All other braces stay as they are.

  Raises:
    ValueError: the file is missing, or lacks the line or a placeholder.
  """
  if template.file:
    return _read(template.file)
  return _built_in(template.name, template.thinking)


def save(folder: Path, template: config.Template) -> None:
  """Writes down beside exported weights how their judge is asked."""
  told = config.to_mapping(template)
  if template.file:
    words = Path(template.file).read_text(encoding="utf-8-sig")
    (folder / _WORDS_FILE).write_text(words, encoding="utf-8")
    told["file"] = _WORDS_FILE
  text = json.dumps({"template": told}, indent=2) + "\n"
  (folder / _JUDGE_FILE).write_text(text, encoding="utf-8")


def saved(folder: Path) -> config.Template | None:
  """What `save` wrote, None if it did not.

  Raises:
    ValueError: the file is no JSON, or holds no template.
  """
  path = folder / _JUDGE_FILE
  if not path.is_file():
    return None
  try:
    told = dict(json.loads(path.read_text(encoding="utf-8"))["template"])
  except (ValueError, KeyError, TypeError) as error:
    raise ValueError(f"{path} holds no template: {error}") from error
  if told.get("file"):
    told["file"] = str(folder / told["file"])
  return config.from_mapping(config.Template, told, str(path))


def closing(template: config.Template) -> Closing:
  """What to force when the thinking budget ends.

  Without thinking there is no thought to end, and only the box is opened.
  """
  if template.name == "arithmetic":
    end_thought, box = " </think>", " \\boxed{"
    choices = ("Assistant 1", "Assistant 2")
  else:
    end_thought, box = "\n</think>\n\n", "\\boxed{Assistant "
    choices = ("1", "2")
  if not template.tagged:
    end_thought = "\n\n"
  return Closing(
    text=end_thought + box if template.thinking else box,
    choices=choices,
    ending="}",
  )


def shown_swapped(uid: str, seed: int) -> bool:
  """Whether to show a comparison's responses in reverse; half of all are.

  It depends on nothing but its arguments, in every process and on every
  machine, as Python's own salted `hash` does not.
  """
  digest = hashlib.sha256(f"{seed}:{uid}".encode()).digest()
  return bool(digest[0] & 1)


def _asked(comparison: records.Comparison, words: Wording) -> str:
  """The query, or all turns, each below its speaker's name."""
  turns = comparison.conversation
  if len(turns) == 1:
    return comparison.query
  said = [f"[{turn.role.capitalize()}]\n{turn.content}" for turn in turns]
  return "\n\n".join([words.turns, *said])


def _built_in(name: Literal["rrm", "arithmetic"], thinking: bool) -> Wording:
  if name == "arithmetic":
    return Wording("", _ARITHMETIC_USER)
  return Wording(_RRM_SYSTEM, _RRM_USER + _RRM_TASK[thinking])


@functools.cache
def _read(file: str) -> Wording:
  """Read once, so that a later edit cannot change a run midway."""
  try:
    text = Path(file).read_text(encoding="utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(f"template file {file!r}: {error}") from error
  parts = re.split(rf"(?m)^{re.escape(_SEPARATOR)}[ \t]*$", text)
  if len(parts) != 2:
    raise ValueError(
      f"template file {file!r} has {len(parts) - 1} lines {_SEPARATOR!r}, "
      "must have one: the system message stands above it, the user's below"
    )
  for name in _PLACEHOLDERS:
    if f"{{{name}}}" not in text:
      raise ValueError(f"template file {file!r} has no {{{name}}}")
  system, user = (part.strip("\n") for part in parts)
  return Wording(system, user)


def _fill(text: str, values: dict[str, str]) -> str:
  """Replaces all placeholders at once, so that values are left alone."""
  pattern = "|".join(rf"\{{{name}\}}" for name in values)
  return re.sub(pattern, lambda match: values[match[0][1:-1]], text)
