"""What stands beside a tokenizer in a Hugging Face folder.

Its chat template and its special tokens, which tokenizer_config.json,
chat_template.jinja and generation_config.json name.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Settings:
  """A tokenizer's chat template and special tokens, as text.

  Attributes:
    chat_template: Jinja source, "" for none.
    eos: Ends a completion.
    pad: Fills rows, "" for none.
    bos: Begins a prompt, "" for none.
    stop_ids: Ids that end a completion, where the folder lists them.
  """

  chat_template: str
  eos: str
  pad: str = ""
  bos: str = ""
  stop_ids: tuple[int, ...] = ()

  @property
  def special(self) -> dict[str, str]:
    """The special tokens by their names in templates and in folders."""
    named = {"eos_token": self.eos, "pad_token": self.pad}
    named["bos_token"] = self.bos
    return {name: text for name, text in named.items() if text}


def read(folder: Path, eos: str = "", pad: str = "", bos: str = "") -> Settings:
  """Reads what any version of Transformers wrote.

  Args:
    folder: Where.
    eos: The token to end completions if no file names one.
    pad: The token to fill rows, likewise.
    bos: The token to begin prompts, likewise.

  Raises:
    ValueError: a file is not JSON, or no token ends a completion.
  """
  file = folder / "tokenizer_config.json"
  found = _read_json(file)
  eos = _token(found.get("eos_token")) or eos
  if not eos:
    raise ValueError(f"{file} names no eos_token, which ends completions")
  stop_ids = found.get("stop_ids")
  if stop_ids is None:
    generation = _read_json(folder / "generation_config.json")
    stop_ids = generation.get("eos_token_id") or []
  return Settings(
    chat_template=_template(folder, found),
    eos=eos,
    pad=_token(found.get("pad_token")) or pad,
    bos=_token(found.get("bos_token")) or bos,
    stop_ids=(stop_ids,) if isinstance(stop_ids, int) else tuple(stop_ids),
  )


def added_tokens(folder: Path) -> dict[int, str]:
  """The tokens, by id, that a folder adds to its vocabulary or names in it.

  Raises:
    ValueError: a file is not JSON.
  """
  named = _read_json(folder / "added_tokens.json")
  added = {token_id: text for text, token_id in named.items()}
  found = _read_json(folder / "tokenizer_config.json")
  described = found.get("added_tokens_decoder") or {}
  return added | {int(i): _token(token) for i, token in described.items()}


def write(folder: Path, settings: Settings, portable: bool = True) -> None:
  """Writes the files that `read` and Transformers understand.

  Args:
    folder: Where.
    settings: What to write.
    portable: Whether there is a tokenizer.json, which Transformers is to take
      as it is; a model's own class would rebuild it. Else it is to convert a
      tokenizer.model in the way that comes closest.
  """
  found = {
    "tokenizer_class": "PreTrainedTokenizerFast"
    if portable
    else "LlamaTokenizer",
    "clean_up_tokenization_spaces": False,
    # Ours alone: Transformers knows of one stop token here.
    "stop_ids": list(settings.stop_ids),
    # Left out, Qwen2's class would add a token of its own for it.
    "unk_token": None,
    **settings.special,
  }
  text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
  (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
  (folder / "chat_template.jinja").write_text(
    settings.chat_template, encoding="utf-8", newline=""
  )


def _template(folder: Path, found: dict[str, Any]) -> str:
  file = folder / "chat_template.jinja"
  if file.is_file():
    return file.read_text(encoding="utf-8")
  template = found.get("chat_template") or ""
  if isinstance(template, str):
    return template
  # Several templates, each with a name.
  return {t["name"]: t["template"] for t in template}.get("default", "")


def _token(value: str | dict[str, Any] | None) -> str:
  """A special token's text, from either way in which folders spell it."""
  return value["content"] if isinstance(value, dict) else value or ""


def _read_json(file: Path) -> dict[str, Any]:
  """The object in a file, empty if there is no such file."""
  if not file.is_file():
    return {}
  try:
    return json.loads(file.read_text(encoding="utf-8"))
  except ValueError as error:
    raise ValueError(f"{file} is not JSON: {error}") from error
