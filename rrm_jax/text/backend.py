"""What a tokenizer asks of the library that cuts its text into tokens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from rrm_jax.text import streaming


@runtime_checkable
class Backend(Protocol):
  """Text to ids and back, with every token's id as the model knows it."""

  @property
  def size(self) -> int:
    """One more than the largest id."""

  @property
  def guarded(self) -> frozenset[str]:
    """Texts of the tokens that only a template or the model may write."""

  @property
  def portable(self) -> bool:
    """Whether Transformers reads exactly the same from what `save` writes."""

  def id_of(self, text: str) -> int | None:
    """The id of the token with exactly this text, None without one."""

  def text_of(self, token_id: int) -> str:
    """The text of a token as the vocabulary spells it."""

  def encode(self, text: str) -> list[int]:
    """The ids of a text, special tokens in it recognised and none added."""

  def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of each text."""

  def encode_shielded(self, text: str, literal: Mapping[str, str]) -> list[int]:
    """The ids of a text in which characters stand for literal texts.

    Args:
      text: Special tokens in it are recognised.
      literal: By character, the text that it stands for: ordinary text, even
        where a special token is spelled the same.

    Raises:
      ValueError: a literal text has no other spelling than the special one.
    """

  def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of ids, all of them below `size`."""

  def reader(self) -> streaming.Reader:
    """What `decode_batch` says of a row, a token at a time."""

  def save(self, folder: Path) -> None:
    """Writes the files that hold the vocabulary."""
