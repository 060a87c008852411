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

_WITHOUT_THINKING = (
  "{%% if add_generation_prompt and thinking is defined and not thinking %%}"
  "{{ '%s' }}{%% endif %%}"
)
_DEEPSEEK_ANSWERS = "<｜Assistant｜>"  # noqa: RUF001  its bars are fullwidth


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


def switchable(template: str, special: Mapping[str, str], has_tag: bool) -> str:
  """The template, made to respect `thinking=False` if it does not.

  Templates of models which always think open a thought whatever they are told,
  as DeepSeek-R1's, or leave that to the model, as DeepSeek-R1's first. Without
  thinking there is to be an empty thought.

  Args:
    template: Jinja source.
    special: Texts by the names that templates use.
    has_tag: Whether the tokenizer has a token `</think>`, so that a template
      of DeepSeek's is a thinker's.
  """
  question = [records.Message("user", "?")]
  prompt = render(template, question, False, special)
  if prompt != render(template, question, True, special):
    return template
  if prompt.rstrip().endswith("<think>"):
    missing = "\\n</think>\\n\\n"
  elif has_tag and prompt.endswith(_DEEPSEEK_ANSWERS):
    missing = "<think>\\n\\n</think>\\n\\n"
  else:
    return template
  return template.removesuffix("\n") + _WITHOUT_THINKING % missing


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
