"""The two vocabularies that the project itself spells out, as plain data.

One is the built-in task's; the other is what DeepSeek-R1-Distill-Qwen adds to
Qwen2's. Each comes with its chat template, in jinja.
"""
# ruff: noqa: RUF001  the fullwidth bars are DeepSeek's

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
# DeepSeek-R1-Distill-Qwen's additions, by id from `QWEN2_RANKS` on.
R1_STOP = "<｜end▁of▁sentence｜>"
R1_BEGIN = "<｜begin▁of▁sentence｜>"
R1_ADDED = (
  R1_STOP,
  "<｜User｜>",
  "<｜Assistant｜>",
  R1_BEGIN,
  "<|EOT|>",
  "<think>",
  "</think>",
  "<|quad_start|>",
  "<|quad_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
  "<tool_call>",
  "</tool_call>",
  "<|fim_prefix|>",
  "<|fim_middle|>",
  "<|fim_suffix|>",
  "<|fim_pad|>",
  "<|repo_name|>",
  "<|file_sep|>",
)
# An earlier answer's thinking is left out of the conversation, as DeepSeek do.
R1_CHAT = (
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
  "{%- if add_generation_prompt %}"
  "{{- '<｜Assistant｜><think>\\n' }}"
  "{%- if thinking is defined and not thinking %}"
  "{{- '\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
