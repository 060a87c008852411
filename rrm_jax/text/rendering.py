"""Chat templates: a conversation, rendered to the text of a prompt.

Rendered with the settings of Transformers' `apply_chat_template`, without
the seconds that importing it takes.
"""

import functools
from collections.abc import Mapping, Sequence

import jinja2
import jinja2.ext
import jinja2.sandbox

from rrm_jax import records

_END_THOUGHT = (
  "{% if add_generation_prompt and thinking is defined and not thinking %}"
  "{{ '\\n</think>\\n\\n' }}{% endif %}"
)


def render(
  template: str,
  messages: Sequence[records.Message],
  thinking: bool,
  special: Mapping[str, str],
) -> str:
  """The prompt's text, up to where the completion begins.

  Args:
    template: Jinja source. Ours reads `thinking`, Qwen3's `enable_thinking`.
    messages: The conversation.
    thinking: Whether the completion is to begin with thinking.
    special: Texts by the names that templates use, such as `bos_token`.

  Raises:
    ValueError: the template is empty, is not jinja, or rejects the messages.
  """
  if not template:
    raise ValueError("the tokenizer's folder holds no chat template")
  try:
    return _compiled(template).render(
      messages=[message._asdict() for message in messages],
      tools=None,
      documents=None,
      add_generation_prompt=True,
      thinking=thinking,
      enable_thinking=thinking,
      **special,
    )
  except jinja2.TemplateError as error:
    raise ValueError(f"the chat template failed: {error}") from error


def switchable(template: str, special: Mapping[str, str]) -> str:
  """The template, made to respect `thinking=False` if it does not.

  Templates of models which always think, such as DeepSeek-R1's, open a thought
  whatever they are told. Without thinking it is closed at once, empty.
  """
  question = [records.Message("user", "?")]
  prompt = render(template, question, False, special)
  if not prompt.rstrip().endswith("<think>"):
    return template
  return template.removesuffix("\n") + _END_THOUGHT


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
  environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=[jinja2.ext.loopcontrols],
  )
  environment.globals["raise_exception"] = _raise
  return environment.from_string(template)


def _raise(message: str) -> None:
  raise jinja2.TemplateError(message)
