"""Decoding as tokens arrive: all of a text, each part as soon as it is sure.

Pushed together, the parts are the text that `Tokenizer.decode` gives, whatever
the ids; a character of several bytes comes once it is whole.
"""

import codecs
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Reader(Protocol):
  """A row of tokens, read one by one."""

  def push(self, token_id: int) -> str:
    """The text that this token makes sure."""

  def flush(self) -> str:
    """The rest, now that no token follows."""


class Stream:
  """A completion's text as it is written.

  At most three bytes are held back, of a character that may yet be completed;
  what can no longer become one is U+FFFD at once. Only where a tokenizer's
  own decoder looks at the whole text does everything come with `flush`.
  """

  def __init__(self, reader: Reader, silent: frozenset[int], size: int):
    self._reader = reader
    self._silent = silent
    self._size = size

  def push(self, ids: Iterable[int]) -> str:
    """The text that these further ids make sure."""
    kept = heard(ids, self._silent, self._size)
    return "".join(map(self._reader.push, kept))

  def flush(self) -> str:
    """The rest of the text; the stream is at its end."""
    return self._reader.flush()


def heard(ids: Iterable[int], silent: frozenset[int], size: int) -> list[int]:
  """The ids that have a text: not silent, and not a padded vocabulary's."""
  return [i for i in map(int, ids) if 0 <= i < size and i not in silent]


class ByteReader:
  """Tokens of bytes, which are UTF-8 only together.

  What is no UTF-8 becomes U+FFFD as the Unicode standard recommends: one for
  each longest beginning of a character. Rust's lossy decoding does the same.
  """

  def __init__(self, bytes_of: Callable[[int], bytes]):
    self._bytes_of = bytes_of
    self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

  def push(self, token_id: int) -> str:
    """The characters that this token completes."""
    return self._decoder.decode(self._bytes_of(token_id))

  def flush(self) -> str:
    """U+FFFD for a character that was never completed, or nothing."""
    return self._decoder.decode(b"", final=True)


class PieceReader:
  """Tokens that are their own text."""

  def __init__(self, text_of: Callable[[int], str]):
    self._text_of = text_of

  def push(self, token_id: int) -> str:
    """The token's text."""
    return self._text_of(token_id)

  def flush(self) -> str:
    """Nothing is ever held back."""
    return ""


class WholeReader:
  """For decoders in which a later token changes what an earlier one says."""

  def __init__(self, decode: Callable[[list[int]], str]):
    self._decode = decode
    self._ids: list[int] = []

  def push(self, token_id: int) -> str:
    """Nothing yet."""
    self._ids.append(token_id)
    return ""

  def flush(self) -> str:
    """The whole text."""
    return self._decode(self._ids)
