"""Preference rows as Hugging Face's sets and trainers have them.

There, `prompt` is the query or a list of turns, and `chosen` and `rejected` are
texts or lists of turns which end in the answer, perhaps with the prompt before
it. A text may be a whole dialogue, as in Anthropic's HH-RLHF: turns that begin
with an empty line and "Human:" or "Assistant:".
"""

import re
from collections.abc import Mapping
from typing import Any

_ANSWERS = ("chosen", "rejected")
_SPEAKER = re.compile(r"\n\n(Human|Assistant):[ ]?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
  """Such a row with `query` or `conversation`, and answers that are texts.

  Any other row is as it was.

  Raises:
    ValueError: one answer is a list and the other is not, a list does not end
      in an answer, or the answers are to different conversations.
  """
  found = dict(row)
  if "prompt" in found and not {"query", "conversation"} & set(found):
    prompt = found.pop("prompt")
    found["conversation" if isinstance(prompt, list) else "query"] = prompt
  if not {"query", "conversation"} & set(found):
    found |= {
      name: _dialogue(found[name])
      for name in _ANSWERS
      if _is_dialogue(found.get(name))
    }
  lists = [name for name in _ANSWERS if isinstance(found.get(name), list)]
  if not lists:
    return found
  if len(lists) < 2:
    raise ValueError(
      f"{lists[0]} is a list of turns, and the other answer is not; give both "
      "as lists, or both as texts"
    )
  chosen, rejected = (turns(found[name], name) for name in _ANSWERS)
  before = chosen[:-1]
  if before != rejected[:-1]:
    raise ValueError(
      "chosen and rejected part before their last turn; they must answer the "
      "same conversation"
    )
  for name, messages in zip(_ANSWERS, (chosen, rejected), strict=True):
    if messages[-1]["role"] != "assistant":
      raise ValueError(
        f"{name}[{len(messages) - 1}].role={messages[-1]['role']!r} must be "
        "'assistant': the last turn is the answer"
      )
    found[name] = messages[-1]["content"]
  if before:
    # A prompt beside whole conversations is their first or last query again.
    found.pop("query", None)
    found["conversation"] = before
  return found


def turns(value: Any, name: str) -> list[dict[str, Any]]:
  """The turns of a conversation, without what else they hold.

  Raises:
    ValueError: they are no turns, or there is none.
  """
  if not isinstance(value, list) or not value:
    raise ValueError(f"{name} must be a list of turns, and have one")
  for place, turn in enumerate(value):
    if not isinstance(turn, dict) or not {"role", "content"} <= set(turn):
      raise ValueError(f"{name}[{place}] must have role and content")
  return [{"role": turn["role"], "content": turn["content"]} for turn in value]


def _is_dialogue(value: Any) -> bool:
  return isinstance(value, str) and value.startswith("\n\nHuman:")


def _dialogue(text: str) -> list[dict[str, str]]:
  """The turns of a text; those of one speaker in a row are one turn."""
  _, *parts = _SPEAKER.split(text)
  found: list[dict[str, str]] = []
  for speaker, content in zip(parts[::2], parts[1::2], strict=True):
    role = _ROLES[speaker]
    if found and found[-1]["role"] == role:
      found[-1]["content"] += f"\n\n{content}"
    else:
      found.append({"role": role, "content": content})
  return found
