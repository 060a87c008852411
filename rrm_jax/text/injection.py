"""Contents that spell special tokens, kept from becoming them.

A response under judgement may say `</think>` or `<|im_end|>`. Were it encoded
as it stands, its author could end the user's turn or the judge's thought. So,
before a template sees it, each such text is replaced by one character that
occurs nowhere else, and the tokenizer writes it out in ordinary tokens.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

from rrm_jax import records

_TAGS = ("<think>", "</think>")
# A plane for private use: no text that means anything is written in it.
_STAND_INS = range(0xF0000, 0xFFFFE)


def shield(
  messages: Sequence[records.Message], guarded: frozenset[str], template: str
) -> tuple[list[records.Message], dict[str, str]]:
  """Messages without guarded texts, and what stands for each of them.

  An assistant's turns keep their thinking tags: they are a model's own, and
  templates look for them.

  Args:
    messages: The conversation.
    guarded: Texts that only a template may write.
    template: The chat template, whose characters stand for nothing.

  Returns:
    The messages, and by stand-in character the text that was there.
  """
  free = _free_characters("".join([template, *(m.content for m in messages)]))
  by_text: dict[str, str] = {}

  def replace(match: re.Match[str]) -> str:
    if match[0] not in by_text:
      by_text[match[0]] = next(free)
    return by_text[match[0]]

  shielded = []
  for message in messages:
    own = message.role == "assistant"
    pattern = _pattern(guarded.difference(_TAGS) if own else guarded)
    content = pattern.sub(replace, message.content)
    shielded.append(records.Message(message.role, content))
  return shielded, {stand_in: text for text, stand_in in by_text.items()}


def literally(text: str, literal: Mapping[str, str]) -> str:
  """The text with every stand-in written out."""
  return text.translate({ord(c): said for c, said in literal.items()})


@functools.lru_cache(maxsize=32)
def _pattern(guarded: frozenset[str]) -> re.Pattern[str]:
  """Matches any guarded text, the longest first.

  Without its outer blanks too: a template may write those just before or after
  the contents.
  """
  texts = {form for text in guarded for form in (text, text.strip())} - {""}
  if not texts:
    return re.compile(r"(?!)")
  ordered = sorted(texts, key=lambda text: (-len(text), text))
  return re.compile("|".join(map(re.escape, ordered)))


def _free_characters(used: str) -> Iterator[str]:
  taken = set(used)
  return (c for c in map(chr, _STAND_INS) if c not in taken)
