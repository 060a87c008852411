"""Qwen2's byte-pair encoding, from its vocab.json and merges.txt."""

from collections.abc import Sequence
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from rrm_jax.text import vocabulary
from rrm_jax.text.hugging_face import HuggingFace


def qwen2(folder: Path, added: Sequence[vocabulary.Added]) -> HuggingFace:
  """The ranks of a folder, and after them the added tokens.

  Raises:
    ValueError: vocab.json or merges.txt is missing, or is not Qwen2's.
  """
  found = tokenizers.Tokenizer(_merges(folder))
  found.normalizer = normalizers.NFC()
  parts = tokenizers.Regex(vocabulary.QWEN2_PARTS)
  found.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(parts, "isolated"),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
  )
  found.decoder = decoders.ByteLevel()
  found.add_tokens(
    [
      tokenizers.AddedToken(token.text, normalized=False, special=token.special)
      for token in added
    ]
  )
  return HuggingFace(found)


def _merges(folder: Path) -> models.BPE:
  files = (folder / "vocab.json", folder / "merges.txt")
  for file in files:
    if not file.is_file():
      raise ValueError(f"{file} is missing; Qwen2's tokenizer needs it")
  try:
    vocab, merges = models.BPE.read_file(*map(str, files))
  except Exception as error:  # the library raises nothing narrower
    raise ValueError(f"{files[0]} or {files[1]}: {error}") from error
  ranks = vocabulary.QWEN2_RANKS
  if sorted(vocab.values()) != list(range(ranks)):
    raise ValueError(
      f"{files[0]} has {len(vocab)} entries; Qwen2's has {ranks}, numbered "
      "from 0. Save another model's tokenizer as tokenizer.json"
    )
  return models.BPE(vocab, merges)
