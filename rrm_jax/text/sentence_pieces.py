"""Tokens as a sentencepiece model cuts them: its processor itself, wrapped.

Conversions to other libraries are close and not exact: they differ in how
blanks, newlines and characters are normalized. The only door to sentencepiece.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from rrm_jax.text import streaming

FILE = "tokenizer.model"
_SPACE = "\u2581"
# A symbol that a model's trainer declared, and that looks like a tag.
_TAG = re.compile(r"[<\[{]\S*[>\]}]")


@dataclasses.dataclass(frozen=True, eq=False)
class SentencePieces:
  """A sentencepiece model as a `backend.Backend`.

  Text without control tokens is the processor's own affair. Control tokens,
  which the processor neither reads nor shows, are recognised here as in every
  other tokenizer: they cut a text in parts that are encoded, and decoded, each
  by itself.

  Attributes:
    model: The file's bytes.
  """

  model: bytes
  portable = False

  @functools.cached_property
  def size(self) -> int:
    """One more than the largest id."""
    return self._processor.get_piece_size()

  @functools.cached_property
  def guarded(self) -> frozenset[str]:
    """Control tokens, and declared symbols in brackets, such as `<think>`."""
    declared = self._description.pieces
    tags = {
      piece.piece
      for piece in declared
      if piece.type == piece.USER_DEFINED and _TAG.fullmatch(piece.piece)
    }
    return frozenset(tags | set(self._controls))

  def id_of(self, text: str) -> int | None:
    """The id of the token with exactly this text, None without one."""
    found = self._processor.piece_to_id(text)
    return found if self._processor.id_to_piece(found) == text else None

  def text_of(self, token_id: int) -> str:
    """The text of a token as the vocabulary spells it."""
    return self._processor.id_to_piece(token_id)

  def encode(self, text: str) -> list[int]:
    """The ids of a text, control tokens in it recognised and none added."""
    return self._encode(self._processor, text)

  def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of each text."""
    return [self.encode(text) for text in texts]

  def encode_shielded(self, text: str, literal: Mapping[str, str]) -> list[int]:
    """The ids of a text in which characters stand for literal texts.

    Each stand-in is declared to be a symbol of its own; what it stands for is
    then spelled in its place.

    Raises:
      ValueError: a literal text has no other spelling than the special one.
    """
    if not literal:
      return self.encode(text)
    declared = self._description_copy()
    for stand_in in literal:
      piece = declared.pieces.add(piece=stand_in, score=0.0)
      piece.type = piece.USER_DEFINED
    spelled = {
      self.size + i: self._spell(said)
      for i, said in enumerate(literal.values())
    }
    ids = self._encode(_processor(declared.SerializeToString()), text)
    return [part for i in ids for part in spelled.get(i, (i,))]

  def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of ids; control tokens are shown."""
    return ["".join(self._parts(row)) for row in rows]

  def reader(self) -> streaming.Reader:
    """What `decode_batch` says of a row, a token at a time."""
    if self._description.denormalizer_spec.precompiled_charsmap:
      return streaming.WholeReader(lambda ids: self.decode_batch([ids])[0])
    return PieceReader(self)

  def save(self, folder: Path) -> None:
    """Writes tokenizer.model, byte for byte."""
    (folder / FILE).write_bytes(self.model)

  def own(self, token_id: int) -> str:
    """The text of a token that the model names by id, "" for none (-1)."""
    return "" if token_id < 0 else self.text_of(token_id)

  @property
  def eos(self) -> str:
    """The model's own end of a text, "" for none."""
    return self.own(self._processor.eos_id())

  @property
  def bos(self) -> str:
    """The model's own beginning of a text, "" for none."""
    return self.own(self._processor.bos_id())

  @property
  def pad(self) -> str:
    """The model's own padding, "" for none."""
    return self.own(self._processor.pad_id())

  @functools.cached_property
  def _processor(self) -> sentencepiece.SentencePieceProcessor:
    return _processor(self.model)

  @functools.cached_property
  def _description(self) -> Any:
    return self._description_copy()

  def _description_copy(self) -> Any:
    # Its classes are made at run time, where no type checker sees them.
    description: Any = sentencepiece_model_pb2
    return description.ModelProto.FromString(self.model)

  @functools.cached_property
  def _controls(self) -> dict[str, int]:
    """The control tokens' ids by their texts."""
    ids = filter(self._processor.is_control, range(self.size))
    return {self._processor.id_to_piece(i): i for i in ids}

  @functools.cached_property
  def _control(self) -> re.Pattern[str]:
    texts = sorted(self._controls, key=len, reverse=True)
    return re.compile(
      f"({'|'.join(map(re.escape, texts))})" if texts else "(?!)"
    )

  @functools.cached_property
  def _speller(self) -> sentencepiece.SentencePieceProcessor:
    """The model without its tags and without blanks of its own making."""
    declared = self._description_copy()
    for piece in declared.pieces:
      if piece.type == piece.USER_DEFINED and piece.piece in self.guarded:
        piece.type = piece.UNUSED
    declared.normalizer_spec.add_dummy_prefix = False
    return _processor(declared.SerializeToString())

  def _spell(self, text: str) -> list[int]:
    ids = self._speller.encode(text)
    if self._speller.unk_id() in ids:
      raise ValueError(
        f"a message holds {text!r}, a special token of this tokenizer, which "
        "has no other pieces to write it in; take it out"
      )
    return ids

  def _encode(
    self, processor: sentencepiece.SentencePieceProcessor, text: str
  ) -> list[int]:
    ids: list[int] = []
    for part in self._control.split(text):
      special = self._controls.get(part)
      ids += processor.encode(part) if special is None else [special]
    return ids

  def _parts(self, row: Sequence[int]) -> Iterator[str]:
    """The texts between control tokens, and theirs."""
    run: list[int] = []
    for token_id in map(int, row):
      if self._processor.is_control(token_id):
        yield self._processor.decode(run)
        yield self.text_of(token_id)
        run = []
      else:
        run.append(token_id)
    yield self._processor.decode(run)


class PieceReader:
  """Follows the processor's decoding, a piece at a time.

  Of the blanks that open a part, the processor leaves out its own. A byte that
  cannot belong to a character becomes one U+FFFD.
  """

  def __init__(self, backend: SentencePieces):
    spec = backend._description.normalizer_spec
    self._backend = backend
    self._all_blanks = spec.remove_extra_whitespaces
    self._first_blank = spec.add_dummy_prefix or self._all_blanks
    self._bytes = b""
    self._at_start = True

  def push(self, token_id: int) -> str:
    """The text that this piece makes sure."""
    processor = self._backend._processor
    if processor.is_byte(token_id):
      self._bytes += bytes([int(processor.id_to_piece(token_id)[3:5], 16)])
      text = self._characters(final=False)
      # What is held back will be a text too.
      self._at_start &= not text and not self._bytes
      return text
    before = self._characters(final=True)
    if processor.is_control(token_id):
      self._at_start = True
      return before + processor.id_to_piece(token_id)
    return before + self._piece(token_id)

  def flush(self) -> str:
    """U+FFFD for each byte of a character that was never completed."""
    return self._characters(final=True)

  def _piece(self, token_id: int) -> str:
    processor = self._backend._processor
    if processor.is_unknown(token_id):
      text, blank = processor.decode([token_id]), False
    else:
      text, blank = self._without_blank(processor.id_to_piece(token_id))
    self._at_start &= not text and not blank
    return text

  def _without_blank(self, piece: str) -> tuple[str, bool]:
    """A piece's text, and whether it opened the part with its only blank."""
    own = self._at_start and self._first_blank and piece.startswith(_SPACE)
    text = piece.removeprefix(_SPACE) if own else piece
    return text.replace(_SPACE, " "), own and not self._all_blanks

  def _characters(self, final: bool) -> str:
    """Takes from the bytes what is sure to be, or not to be, a character."""
    text = ""
    while self._bytes:
      character, rest = _first_character(self._bytes, final)
      if not character:
        break
      text += character
      self._bytes = rest
    return text


def read(folder: Path) -> SentencePieces:
  """Reads a folder's tokenizer.model.

  Raises:
    ValueError: it is none.
  """
  file = folder / FILE
  found = SentencePieces(file.read_bytes())
  try:
    assert found.size
  except RuntimeError as error:
    raise ValueError(f"{file} is no sentencepiece model: {error}") from error
  return found


def _processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
  return sentencepiece.SentencePieceProcessor(model_proto=model)


def _first_character(data: bytes, final: bool) -> tuple[str, bytes]:
  """The first character and the rest; "" for one that may yet be completed."""
  for length in range(1, 5):
    try:
      return data[:length].decode(), data[length:]
    except UnicodeDecodeError as error:
      may_grow = error.reason == "unexpected end of data"
      if not may_grow or (length >= len(data) and final):
        return "\ufffd", data[1:]
      if length >= len(data):
        return "", data
  raise AssertionError(data)
