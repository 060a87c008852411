"""Small sentencepiece models, trained where they are needed."""

import functools
import io
import random

import sentencepiece

TAGS = ("<think>", "</think>")
TURN = "<|turn|>"  # a control token
_WORDS = (
  "\\boxed{Assistant 1}",
  "\\boxed{Assistant 2}",
  *("the", "judge", "thinks", "about", "what", "is", "better", ":", "or"),
  *("Assistant", "1", "2", "héllo", "naïve", "日本語", "prime", "seven"),
)
# What makes a model's blanks its own.
VARIANTS = {
  "unigram": {"model_type": "unigram"},
  "bpe": {"model_type": "bpe"},
  "bpe_as_llama": {
    "model_type": "bpe",
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
  },
  "unigram_bare": {
    "model_type": "unigram",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
  },
  "bpe_unprefixed": {"model_type": "bpe", "add_dummy_prefix": False},
  "without_bytes": {"model_type": "unigram", "byte_fallback": False},
}


@functools.cache
def model(variant):
  """The bytes of a tokenizer.model."""
  draw = random.Random(0)
  lines = [" ".join(draw.choices(_WORDS, k=9)) for _ in range(400)]
  written = io.BytesIO()
  sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(lines),
    model_writer=written,
    vocab_size=420,
    hard_vocab_limit=False,
    user_defined_symbols=[*TAGS, "::", "["],
    control_symbols=[TURN],
    pad_id=3,
    minloglevel=2,
    **{"byte_fallback": True, **VARIANTS[variant]},
  )
  return written.getvalue()
