"""Where tokenizers come from: the built-in one, and folders of every kind."""

import dataclasses
import tempfile
from pathlib import Path

from rrm_jax.text import (
  byte_pairs,
  closed_vocabulary,
  hugging_face,
  rendering,
  sentence_pieces,
  settings,
  vocabulary,
)
from rrm_jax.text.backend import Backend


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
  """What makes a `tokenizer.Tokenizer`; its attributes are the same."""

  backend: Backend
  chat_template: str
  stop_ids: tuple[int, ...]
  pad_id: int
  bos: str = ""


def arithmetic() -> Found:
  """The built-in task's pieces."""
  special = (vocabulary.ARITHMETIC_STOP, vocabulary.ARITHMETIC_PAD)
  pieces = vocabulary.ARITHMETIC_PIECES
  backend = closed_vocabulary.backend(pieces, special)
  stop_id, pad_id = map(pieces.index, special)
  return Found(backend, vocabulary.ARITHMETIC_CHAT, (stop_id,), pad_id)


def qwen2(folder: Path, flavour: str) -> Found:
  """Bare vocab.json and merges.txt, with what a chat model adds.

  Raises:
    ValueError: a file is missing or not Qwen2's; there is no such flavour.
  """
  known = vocabulary.FLAVOURS.get(flavour)
  if known is None:
    raise ValueError(
      f"tokenizer flavour {flavour!r} of folder {str(folder)!r} must be one of "
      f"{', '.join(vocabulary.FLAVOURS)}"
    )
  backend = byte_pairs.qwen2(folder, known.added)
  stop_ids = tuple(_id(folder, backend, text) for text in known.stops)
  pad_id = _id(folder, backend, known.pad)
  return Found(backend, known.chat_template, stop_ids, pad_id, known.bos)


def read(spec: str) -> Found:
  """What a name or a folder holds; `tokenizer.load` says how it is chosen.

  Raises:
    ValueError: there is no such folder or flavour, or no tokenizer in it.
  """
  if spec == "arithmetic":
    return arithmetic()
  folder, flavour = _parse(spec)
  names = {path.name for path in folder.iterdir()}
  described = names & {
    "tokenizer.json",
    sentence_pieces.FILE,
    "tokenizer_config.json",
  }
  if flavour and described:
    raise ValueError(
      f"tokenizer {spec!r} names the flavour {flavour!r}, but "
      f"{min(described)} says itself what it is; leave out #{flavour}"
    )
  if "tokenizer.json" in names:
    return _from_json(folder)
  if sentence_pieces.FILE in names:
    return _from_sentence_pieces(folder)
  if "tokenizer_config.json" in names:
    with tempfile.TemporaryDirectory() as converted:
      hugging_face.convert(folder, Path(converted))
      return _from_json(Path(converted))
  if {"vocab.json", "merges.txt"} <= names:
    return qwen2(folder, flavour or "r1")
  raise ValueError(
    f"tokenizer folder {spec!r} holds no tokenizer.json, no tokenizer.model, "
    "no tokenizer_config.json, and not both vocab.json and merges.txt; it "
    f"holds {', '.join(sorted(names)[:8]) or 'nothing'}"
  )


def _parse(spec: str) -> tuple[Path, str]:
  """A folder and a flavour, "" for none."""
  if Path(spec).is_dir():
    return Path(spec), ""
  folder, mark, flavour = spec.rpartition("#")
  if not mark or not Path(folder).is_dir():
    raise ValueError(
      f"tokenizer {spec!r} is neither 'arithmetic' nor an existing folder, nor "
      f"FOLDER#FLAVOUR with one of {', '.join(vocabulary.FLAVOURS)}"
    )
  return Path(folder), flavour


def _from_json(folder: Path) -> Found:
  """Reads tokenizer.json itself: the class named beside it can misread it."""
  file = folder / "tokenizer.json"
  return _described(file, hugging_face.read(file), settings.read(folder))


def _from_sentence_pieces(folder: Path) -> Found:
  backend = sentence_pieces.read(folder)
  file = folder / sentence_pieces.FILE
  for token_id, text in settings.added_tokens(folder).items():
    if backend.id_of(text) != token_id:
      raise ValueError(
        f"{folder} adds the token {text!r} with id {token_id}, which "
        f"{file.name} does not hold; convert the folder to a tokenizer.json"
      )
  found = settings.read(folder, backend.eos, backend.pad, backend.bos)
  return _described(file, backend, found)


def _described(file: Path, backend: Backend, found: settings.Settings) -> Found:
  """A vocabulary with what the files beside it say."""
  eos = _id(file, backend, found.eos)
  template = found.chat_template
  if template:
    tag = backend.id_of("</think>") is not None
    template = rendering.switchable(template, found.special, tag)
  return Found(
    backend,
    template,
    stop_ids=tuple(dict.fromkeys((eos, *found.stop_ids))),
    pad_id=_id(file, backend, found.pad) if found.pad else eos,
    bos=found.bos,
  )


def _id(file: Path, backend: Backend, text: str) -> int:
  found = backend.id_of(text)
  if found is None:
    raise ValueError(f"{file} has no token {text!r}, which is to be special")
  return found
