"""The vocabularies that the project itself spells out, as plain data.

One is the built-in task's; the others are what Qwen2.5 and DeepSeek-R1-Distill
add to Qwen2's. Each comes with its chat template, in jinja.
"""
# ruff: noqa: RUF001  the fullwidth bars are DeepSeek's

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# The built-in task's pieces carry their own leading space, so that decoding is
# plain concatenation. None is the beginning of another: a text is cut in one
# way only.
_DIGITS = "0123456789"
ARITHMETIC_STOP = "<|end|>"
ARITHMETIC_PAD = "<|pad|>"
ARITHMETIC_PIECES = (
  "Q:",
  *(f" +{d}" for d in _DIGITS),
  *(f" -{d}" for d in _DIGITS),
  *(f" *{d}" for d in _DIGITS[2:]),
  " .",
  *(f" A1:{d}" for d in _DIGITS),
  *(f" A2:{d}" for d in _DIGITS),
  " <think>",
  *(f" {d}" for d in _DIGITS),
  " =",
  " yes",
  " no",
  " </think>",
  " \\boxed{",
  "Assistant 1",
  "Assistant 2",
  "}",
  ARITHMETIC_STOP,
  ARITHMETIC_PAD,
)
ARITHMETIC_CHAT = (
  "{%- for message in messages %}{{ 'Q: ' + message['content'] }}"
  "{%- endfor %}"
  "{%- if add_generation_prompt and (thinking is not defined or thinking) %}"
  "{{ ' <think>' }}{%- endif %}"
)

# Qwen2's split into words, digits one by one; the merges work within a part.
QWEN2_PARTS = (
  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
  r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_RANKS = 151_643


class Added(NamedTuple):
  """A token beyond the ranks, and whether Transformers counts it as special."""

  text: str
  special: bool = True


@dataclasses.dataclass(frozen=True)
class Flavour:
  """What makes a chat model's tokenizer of Qwen2's ranks.

  Attributes:
    added: By id, from `QWEN2_RANKS` on.
    chat_template: Jinja source; those of thinkers read `thinking`.
    stops: End a completion; the first is the usual one.
    pad: Fills rows.
    bos: Begins a prompt, "" for none.
  """

  added: tuple[Added, ...]
  chat_template: str
  stops: tuple[str, ...]
  pad: str
  bos: str = ""


# Ids 151650 to 151664, which both families have. The first seven are special.
_SHARED = (
  *map(
    Added,
    (
      "<|quad_start|>",
      "<|quad_end|>",
      "<|vision_start|>",
      "<|vision_end|>",
      "<|vision_pad|>",
      "<|image_pad|>",
      "<|video_pad|>",
    ),
  ),
  Added("<tool_call>", False),
  Added("</tool_call>", False),
  Added("<|fim_prefix|>", False),
  Added("<|fim_middle|>", False),
  Added("<|fim_suffix|>", False),
  Added("<|fim_pad|>", False),
  Added("<|repo_name|>", False),
  Added("<|file_sep|>", False),
)

# Source: `added_tokens_decoder` in the tokenizer_config.json of the Qwen2.5
# models, ids 151643 to 151664 with their flags; torchtune's table for Qwen2.5
# (torchtune/models/qwen2_5) numbers them alike.
QWEN25_STOP = "<|im_end|>"
QWEN25_PAD = "<|endoftext|>"
QWEN25_ADDED = (
  Added(QWEN25_PAD),
  Added("<|im_start|>"),
  Added(QWEN25_STOP),
  Added("<|object_ref_start|>"),
  Added("<|object_ref_end|>"),
  Added("<|box_start|>"),
  Added("<|box_end|>"),
  *_SHARED,
)
# ChatML; a conversation without a system message is given Qwen2.5's own.
QWEN25_CHAT = (
  "{%- if messages[0]['role'] != 'system' %}"
  "{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. "
  "You are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
  "{%- for message in messages %}"
  "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] }}"
  "{{- '<|im_end|>\\n' }}{%- endfor %}"
  "{%- if add_generation_prompt %}"
  "{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

# Source: `added_tokens` in the tokenizer.json of DeepSeek-R1-Distill-Qwen-1.5B,
# ids 151643 to 151664 with their flags.
R1_STOP = "<｜end▁of▁sentence｜>"
R1_BEGIN = "<｜begin▁of▁sentence｜>"
R1_ADDED = (
  Added(R1_STOP),
  Added("<｜User｜>", False),
  Added("<｜Assistant｜>", False),
  Added(R1_BEGIN),
  Added("<|EOT|>", False),
  Added("<think>", False),
  Added("</think>", False),
  *_SHARED,
)
# An earlier answer's thinking is left out of the conversation, as DeepSeek do.
_R1_TURNS = (
  "{{- bos_token }}"
  "{%- for message in messages if message['role'] == 'system' %}"
  "{{- message['content'] }}{%- endfor %}"
  "{%- for message in messages %}"
  "{%- if message['role'] == 'user' %}"
  "{{- '<｜User｜>' + message['content'] }}"
  "{%- elif message['role'] == 'assistant' %}"
  "{{- '<｜Assistant｜>' + message['content'].split('</think>')[-1] }}"
  "{{- eos_token }}"
  "{%- endif %}{%- endfor %}"
)
# DeepSeek's template since February 2025: the prompt opens the thought.
R1_CHAT = (
  _R1_TURNS + "{%- if add_generation_prompt %}"
  "{{- '<｜Assistant｜><think>\\n' }}"
  "{%- if thinking is defined and not thinking %}"
  "{{- '\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
# The template of January 2025: the model opens it.
R1_2501_CHAT = (
  _R1_TURNS + "{%- if add_generation_prompt %}"
  "{{- '<｜Assistant｜>' }}"
  "{%- if thinking is defined and not thinking %}"
  "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)

FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
  {
    "r1": Flavour(R1_ADDED, R1_CHAT, (R1_STOP,), R1_STOP, R1_BEGIN),
    "r1-2501": Flavour(R1_ADDED, R1_2501_CHAT, (R1_STOP,), R1_STOP, R1_BEGIN),
    # Both stop ids are in the instruct models' generation_config.json.
    "qwen2.5": Flavour(
      QWEN25_ADDED, QWEN25_CHAT, (QWEN25_STOP, QWEN25_PAD), QWEN25_PAD
    ),
  }
)
