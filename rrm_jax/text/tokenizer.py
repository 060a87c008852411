"""Tokenizers: text to ids and back, and a conversation to a prompt.

What `chat` renders is the template that `save` writes, so that other programs
give a judge the very prompts that it was trained on.
"""

import bisect
import dataclasses
import functools
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rrm_jax import records
from rrm_jax.text import folders, injection, rendering, settings, streaming
from rrm_jax.text.backend import Backend

_CLOSING_TAG = "</think>"


@dataclasses.dataclass(frozen=True, eq=False)
class Tokenizer:
  """A tokenizer with its chat template.

  Attributes:
    backend: Cuts text into tokens.
    chat_template: Jinja source; it may read `thinking`, true if not given.
    stop_ids: Any of these ends a completion; the first is the usual one.
    pad_id: Fills rows; may equal a stop id, so padding is never found by it.
    bos: The text of the token that begins a prompt, "" for none.
  """

  backend: Backend
  chat_template: str
  stop_ids: tuple[int, ...]
  pad_id: int
  bos: str = ""

  @property
  def vocab_size(self) -> int:
    """One more than the largest id; a model's vocabulary may be larger."""
    return self.backend.size

  @property
  def portable(self) -> bool:
    """Whether Transformers reads a saved folder exactly as `load` does.

    A sentencepiece model it converts. With that model's default normalizer the
    conversion gives other ids for runs of blanks and for newlines; and beside
    a config.json of Qwen2 it is read as what it is not.
    """
    return self.backend.portable

  @functools.cached_property
  def closing_tag(self) -> int | None:
    """The id of the token that ends a thought; None if no single one does."""
    for text in (_CLOSING_TAG, f" {_CLOSING_TAG}"):
      found = self.backend.id_of(text)
      if found is not None:
        return found
    return None

  def encode(self, text: str) -> list[int]:
    """The ids of a text, special tokens in it recognised and none added.

    Raises:
      ValueError: a closed vocabulary has no piece for a part of the text.
    """
    return self.backend.encode(text)

  def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of each text, in parallel where the library can."""
    return self.backend.encode_batch(texts)

  def decode(self, ids: Sequence[int]) -> str:
    """The text of ids, with `<think>` and its like, without stop and pad.

    Ids beyond the vocabulary say nothing: models pad theirs.
    """
    return self.decode_batch([ids])[0]

  def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
    """`decode` of each row, in parallel where the library can."""
    return self.backend.decode_batch(
      [streaming.heard(row, self._silent, self.vocab_size) for row in rows]
    )

  def stream(self) -> streaming.Stream:
    """What `decode` says of one completion, as its tokens arrive."""
    reader = self.backend.reader()
    return streaming.Stream(reader, self._silent, self.vocab_size)

  def thought_length(self, ids: Sequence[int]) -> int:
    """How many of a completion's tokens come before its closing tag.

    All, if there is none. Where no single token is the tag, its text counts.
    """
    if self.closing_tag is not None:
      ids = list(ids)
      tag = self.closing_tag
      return ids.index(tag) if tag in ids else len(ids)
    begin = self.decode(ids).find(_CLOSING_TAG)
    if begin < 0:
      return len(ids)
    return bisect.bisect_left(
      range(len(ids)), begin, key=lambda n: len(self.decode(ids[:n]))
    )

  def chat(self, messages: Sequence[records.Message], thinking: bool) -> str:
    """The prompt's text, up to where the judge's completion begins.

    Raises:
      ValueError: there is no chat template, or it rejects the messages.
    """
    special = self._settings.special
    return rendering.render(self.chat_template, messages, thinking, special)

  def prompt(
    self, messages: Sequence[records.Message], thinking: bool
  ) -> list[int]:
    """The prompt's ids: `chat`, with special tokens from the template alone.

    What a message says is ordinary text, even where it spells a special token;
    only an assistant's turns, which are a model's own, keep thinking tags. If
    no message spells any, this is `encode` of `chat`.

    Raises:
      ValueError: as `chat` and `encode`, or the tokenizer can write a special
        token's text in no other way.
    """
    guarded = self.backend.guarded
    shielded, literal = injection.shield(messages, guarded, self.chat_template)
    text = self.chat(shielded, thinking)
    return self.backend.encode_shielded(text, literal)

  def token(self, text: str) -> int:
    """The id of a text which is exactly one token.

    Raises:
      ValueError: it is none, or several.
    """
    ids = self.encode(text)
    if len(ids) != 1:
      raise ValueError(f"{text!r} is {len(ids)} tokens {ids}, must be one")
    return ids[0]

  def save(self, folder: Path) -> None:
    """Writes a folder that `load` reads back the same.

    If `portable`, `transformers.AutoTokenizer.from_pretrained` reads the same
    ids, texts and template from it, alone or beside a config.json of Qwen2. It
    drops, though, what `arithmetic` cannot write, where ours is an error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    self.backend.save(folder)
    settings.write(folder, self._settings, self.portable)

  @functools.cached_property
  def fingerprint(self) -> str:
    """A hash of all that `save` writes."""
    total = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
      self.save(Path(folder))
      for path in sorted(Path(folder).iterdir()):
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()

  @functools.cached_property
  def _silent(self) -> frozenset[int]:
    return frozenset({*self.stop_ids, self.pad_id})

  @functools.cached_property
  def _settings(self) -> settings.Settings:
    return settings.Settings(
      chat_template=self.chat_template,
      eos=self.backend.text_of(self.stop_ids[0]),
      pad=self.backend.text_of(self.pad_id),
      bos=self.bos,
      stop_ids=self.stop_ids,
    )


def arithmetic() -> Tokenizer:
  """The tokenizer of the built-in task: its pieces, and nothing else."""
  return _tokenizer(folders.arithmetic())


def qwen2(folder: Path, flavour: str = "r1") -> Tokenizer:
  """Qwen2's byte-pair encoding with a chat model's additions; see `load`.

  Raises:
    ValueError: vocab.json or merges.txt is missing, or is not Qwen2's; or
      there is no such flavour.
  """
  return _tokenizer(folders.qwen2(folder, flavour))


def load(spec: str) -> Tokenizer:
  """The tokenizer named "arithmetic", or that of a folder.

  A folder's tokenizer.json is read as it is, and a tokenizer.model by
  sentencepiece itself; chat template and special tokens come from
  tokenizer_config.json and the files beside it. With nothing but
  tokenizer_config.json, Transformers builds what it describes.

  Bare vocab.json and merges.txt are Qwen2's, to which chat models add their
  own; FOLDER#FLAVOUR says whose:
    r1: DeepSeek-R1-Distill-Qwen, whose prompt opens the thought; the default.
    r1-2501: the same with its template of January 2025, which leaves it to
      the model to write `<think>`.
    qwen2.5: Qwen2.5's instruct models, which do not think in tags.

  Raises:
    ValueError: there is no such folder or flavour, or no tokenizer in it.
  """
  return _tokenizer(folders.read(spec))


def _tokenizer(found: folders.Found) -> Tokenizer:
  return Tokenizer(
    found.backend, found.chat_template, found.stop_ids, found.pad_id, found.bos
  )
