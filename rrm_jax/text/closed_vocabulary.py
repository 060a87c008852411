"""Vocabularies that are a list of pieces, and write nothing else."""

from collections.abc import Collection, Sequence

import tokenizers
from tokenizers import decoders, models

from rrm_jax.text.hugging_face import HuggingFace


def backend(pieces: Sequence[str], special: Collection[str]) -> HuggingFace:
  """A tokenizer of these pieces, numbered in their order.

  None may be the beginning of another, so that a text is cut in one way only.

  Every piece is an added token. That is what survives when Transformers, beside
  a config.json of Qwen2, rebuilds the tokenizer as Qwen2's: it keeps vocabulary
  and added tokens and puts in its own splitting and decoding, which leave added
  tokens alone. Pieces of the model only would be cut up by it.

  Args:
    pieces: The texts of the tokens, spaces included.
    special: Those that a message must not be able to write.
  """
  vocab = {piece: i for i, piece in enumerate(pieces)}
  # No piece stands for unknown text, so that anyone's encoding of it fails.
  found = tokenizers.Tokenizer(models.BPE(vocab, [], unk_token="<unk>"))
  found.decoder = decoders.Fuse()
  found.add_tokens(
    [
      tokenizers.AddedToken(piece, normalized=False, special=piece in special)
      for piece in pieces
    ]
  )
  return HuggingFace(found)
