"""Tokens as Hugging Face's tokenizers library cuts them.

With `byte_pairs` and `closed_vocabulary`, which build such tokenizers, the only
door to that library and to transformers.
"""

import dataclasses
import functools
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from rrm_jax.text import injection, streaming

_TAGS = {"<think>", "</think>"}


@dataclasses.dataclass(frozen=True, eq=False)
class HuggingFace:
  """A `tokenizers.Tokenizer` as a `backend.Backend`.

  Where every token is an added one, or the model is a list of words, the
  vocabulary is closed: text that no token spells is an error.
  """

  tokenizer: tokenizers.Tokenizer
  portable = True

  @functools.cached_property
  def size(self) -> int:
    """One more than the largest id."""
    return max(self.tokenizer.get_vocab().values()) + 1

  @functools.cached_property
  def guarded(self) -> frozenset[str]:
    """The added tokens; of a closed vocabulary the special ones and the tags.

    The rest of a closed vocabulary is what texts are made of.
    """
    added = self.tokenizer.get_added_tokens_decoder().values()
    if not self._is_closed:
      return frozenset(token.content for token in added)
    special = {token.content for token in added if token.special}
    return frozenset(
      text
      for text in self.tokenizer.get_vocab()
      if text in special or text.strip() in _TAGS
    )

  def id_of(self, text: str) -> int | None:
    """The id of the token with exactly this text, None without one."""
    return self.tokenizer.token_to_id(text)

  def text_of(self, token_id: int) -> str:
    """The text of a token as the vocabulary spells it."""
    text = self.tokenizer.id_to_token(token_id)
    assert text is not None, token_id
    return text

  def encode(self, text: str) -> list[int]:
    """The ids of a text, special tokens in it recognised and none added."""
    self._check(text)
    return self._encoding(text).ids

  def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of each text, in parallel."""
    for text in texts:
      self._check(text)
    rows = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [row.ids for row in rows]

  def encode_shielded(self, text: str, literal: Mapping[str, str]) -> list[int]:
    """The ids of a text in which characters stand for literal texts.

    Between its special tokens the text is cut by a copy of the tokenizer that
    has none.

    Raises:
      ValueError: a closed vocabulary cannot write a literal text or a part of
        the text, or the library would not cut it in parts as it does whole.
    """
    if self._is_closed:
      return self._encode_closed(text, literal)
    encoding = self._encoding(text)
    cuts = self._cuts(text, encoding)
    if not literal:
      return encoding.ids
    if self._around(text, cuts, {}) != encoding.ids:
      raise ValueError(
        f"a message holds {sorted(literal.values())}, special tokens of this "
        "tokenizer, which encodes the parts of a text differently from the "
        "whole; write them differently, as in '< think >'"
      )
    return self._around(text, cuts, literal)

  def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of ids, in parallel."""
    return self.tokenizer.decode_batch(
      list(map(list, rows)), skip_special_tokens=False
    )

  def reader(self) -> streaming.Reader:
    """What `decode_batch` says of a row, a token at a time."""
    if isinstance(self.tokenizer.decoder, decoders.ByteLevel):
      return streaming.ByteReader(self._bytes_of)
    if isinstance(self.tokenizer.decoder, decoders.Fuse):
      return streaming.PieceReader(
        lambda token_id: self.tokenizer.id_to_token(token_id) or ""
      )
    return streaming.WholeReader(lambda ids: self.decode_batch([ids])[0])

  def save(self, folder: Path) -> None:
    """Writes tokenizer.json."""
    self.tokenizer.save(str(folder / "tokenizer.json"))

  @functools.cached_property
  def _is_closed(self) -> bool:
    if isinstance(self.tokenizer.model, models.WordLevel):
      return True
    added = self.tokenizer.get_added_tokens_decoder().values()
    if self.tokenizer.get_vocab_size(with_added_tokens=False) > len(added):
      return False
    own = self.tokenizer.get_vocab(with_added_tokens=False)
    return set(own) <= {token.content for token in added}

  @functools.cached_property
  def _writable(self) -> re.Pattern[str]:
    """Matches what a closed vocabulary can write."""
    return re.compile(f"(?:{alternation(self.tokenizer.get_vocab())})*")

  @functools.cached_property
  def _plain(self) -> tokenizers.Tokenizer:
    """A copy over the same model, without added tokens."""
    plain = tokenizers.Tokenizer(self.tokenizer.model)
    if self.tokenizer.normalizer is not None:
      plain.normalizer = self.tokenizer.normalizer
    if self.tokenizer.pre_tokenizer is not None:
      plain.pre_tokenizer = self.tokenizer.pre_tokenizer
    return plain

  @functools.cached_property
  def _guarded_ids(self) -> dict[int, str]:
    found = ((self.id_of(text), text) for text in self.guarded)
    return {i: text for i, text in found if i is not None}

  def _encoding(self, text: str) -> tokenizers.Encoding:
    return self.tokenizer.encode(text, add_special_tokens=False)

  def _encode_closed(self, text: str, literal: Mapping[str, str]) -> list[int]:
    if literal:
      raise ValueError(
        f"a message holds {sorted(literal.values())}, which its tokenizer has "
        "as special tokens only; take them out"
      )
    return self.encode(text)

  def _cuts(
    self, text: str, encoding: tokenizers.Encoding
  ) -> list[tuple[int, int, int]]:
    """The special tokens of an encoding: beginning, end and id of each.

    Raises:
      ValueError: normalization made one of a text that is not its own.
    """
    ids = encoding.ids
    places = [i for i, found in enumerate(ids) if found in self._guarded_ids]
    offsets = encoding.offsets
    cuts = [(*offsets[i], ids[i]) for i in places]
    for start, end, found in cuts:
      special = self._guarded_ids[found]
      if text[start:end].strip() != special.strip():
        raise ValueError(
          f"a message holds {text[start:end]!r}, which this tokenizer's "
          f"normalizer turns into the special token {special!r}; take it out"
        )
    return cuts

  def _around(
    self,
    text: str,
    cuts: Sequence[tuple[int, int, int]],
    literal: Mapping[str, str],
  ) -> list[int]:
    """Special tokens where they were cut, plain ones between them."""
    ids, begin = [], 0
    for start, end, special in cuts:
      ids += [*self._plain_ids(text[begin:start], literal), special]
      begin = end
    return ids + self._plain_ids(text[begin:], literal)

  def _plain_ids(self, text: str, literal: Mapping[str, str]) -> list[int]:
    said = injection.literally(text, literal)
    ids = self._plain.encode(said, add_special_tokens=False).ids
    for found in ids:
      if found in self._guarded_ids:
        raise ValueError(
          f"a message holds {self._guarded_ids[found]!r}, which this "
          "tokenizer's model itself makes a special token; take it out"
        )
    return ids

  def _bytes_of(self, token_id: int) -> bytes:
    """What the byte-level decoder makes of a token."""
    text = self.tokenizer.id_to_token(token_id) or ""
    try:
      return bytes(_byte_of()[character] for character in text)
    except KeyError:  # an added token, spelled as it is
      return text.encode()

  def _check(self, text: str) -> None:
    """Raises a ValueError on what a closed vocabulary cannot write."""
    if not self._is_closed:
      return
    match = self._writable.match(text)
    assert match is not None
    if match.end() < len(text):
      raise ValueError(
        f"no token begins at position {match.end()} of {text!r:.80}: "
        f"{text[match.end() : match.end() + 12]!r}; spaces are part of the "
        'tokens, as in " +3"'
      )


def read(file: Path) -> HuggingFace:
  """Reads a tokenizer.json as it is.

  Raises:
    ValueError: it is none.
  """
  try:
    found = tokenizers.Tokenizer.from_file(str(file))
  except Exception as error:  # the library raises nothing narrower
    raise ValueError(f"{file} is no tokenizer: {error}") from error
  # Some folders were saved with their training's maximum length.
  found.no_truncation()
  found.no_padding()
  return HuggingFace(found)


def convert(folder: Path, target: Path) -> None:
  """Has Transformers write what it understands of a folder as tokenizer.json.

  Raises:
    ValueError: it has no such form.
  """
  import transformers  # takes seconds, so only here

  found = transformers.AutoTokenizer.from_pretrained(
    str(folder), local_files_only=True
  )
  if not found.is_fast:
    name = type(found).__name__
    raise ValueError(f"tokenizer folder {folder}: {name} has no fast form")
  found.save_pretrained(str(target))
  generation = folder / "generation_config.json"
  if generation.is_file():
    shutil.copy(generation, target)


def alternation(pieces: Sequence[str] | Mapping[str, int]) -> str:
  """A regular expression for any one of the pieces, the longest first."""
  return "|".join(map(re.escape, sorted(pieces, key=len, reverse=True)))


@functools.cache
def _byte_of() -> dict[str, int]:
  """The byte of each of the 256 characters that byte-level tokens use.

  A printable byte of Latin-1 is its own character; the others follow, in their
  order, from U+0100 on. Source: GPT-2's encoder.
  """
  own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
  others = [byte for byte in range(256) if byte not in set(own)]
  table = {chr(byte): byte for byte in own}
  table |= {chr(256 + i): byte for i, byte in enumerate(others)}
  assert set(table) == set(pre_tokenizers.ByteLevel.alphabet())
  return table
