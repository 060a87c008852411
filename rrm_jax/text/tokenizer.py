"""Tokenizers: text to ids and back, and a conversation to a prompt.

The only file that imports tokenizers or transformers. What `chat` renders is
the template that `save` writes, so that other programs give a judge the very
prompts that it was trained on.
"""

import dataclasses
import functools
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from rrm_jax import records
from rrm_jax.text import rendering, settings, vocabulary


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

  backend: tokenizers.Tokenizer
  chat_template: str
  stop_ids: tuple[int, ...]
  pad_id: int
  bos: str = ""

  @functools.cached_property
  def vocab_size(self) -> int:
    """One more than the largest id; a model's vocabulary may be larger."""
    return max(self.backend.get_vocab().values()) + 1

  @functools.cached_property
  def closing_tag(self) -> int:
    """The id of the token that ends a thought.

    Raises:
      ValueError: `</think>` is no token of its own.
    """
    for text in ("</think>", " </think>"):
      found = self.backend.token_to_id(text)
      if found is not None:
        return found
    raise ValueError(
      "the tokenizer has no token </think>, by which a thought's end is "
      "told; add it to the tokenizer's special tokens"
    )

  def encode(self, text: str) -> list[int]:
    """The ids of a text, special tokens in it recognised and none added.

    Raises:
      ValueError: a closed vocabulary has no piece for a part of the text.
    """
    self._check(text)
    return self.backend.encode(text, add_special_tokens=False).ids

  def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
    """`encode` of each text, in parallel."""
    for text in texts:
      self._check(text)
    rows = self.backend.encode_batch(list(texts), add_special_tokens=False)
    return [row.ids for row in rows]

  def decode(self, ids: Sequence[int]) -> str:
    """The text of ids, with `<think>` and its like, without stop and pad."""
    return self.decode_batch([ids])[0]

  def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
    """`decode` of each row, in parallel."""
    silent = {*self.stop_ids, self.pad_id}
    kept = [[int(i) for i in row if int(i) not in silent] for row in rows]
    return self.backend.decode_batch(kept, skip_special_tokens=False)

  def chat(self, messages: Sequence[records.Message], thinking: bool) -> str:
    """The prompt's text, up to where the judge's completion begins.

    Raises:
      ValueError: there is no chat template, or it rejects the messages.
    """
    special = self._settings.special
    return rendering.render(self.chat_template, messages, thinking, special)

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
    """Writes what `transformers.AutoTokenizer.from_pretrained` reads.

    Beside a model's config.json, though, Transformers 5 takes the class that
    it holds right for the model, whatever the folder says. For Qwen2 that
    class gives the same ids as `qwen2`, but misreads `arithmetic`'s pieces:
    there, load with `PreTrainedTokenizerFast.from_pretrained`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    self.backend.save(str(folder / "tokenizer.json"))
    settings.write(folder, self._settings)

  @functools.cached_property
  def _settings(self) -> settings.Settings:
    return settings.Settings(
      chat_template=self.chat_template,
      eos=self._text(self.stop_ids[0]),
      pad=self._text(self.pad_id),
      bos=self.bos,
      stop_ids=self.stop_ids,
    )

  def _text(self, token_id: int) -> str:
    text = self.backend.id_to_token(token_id)
    assert text is not None, token_id
    return text

  @functools.cached_property
  def _closed(self) -> re.Pattern[str] | None:
    """Matches what a vocabulary without fallback can write; else None."""
    if not isinstance(self.backend.model, models.WordLevel):
      return None
    return re.compile(f"(?:{_alternation(self.backend.get_vocab())})*")

  def _check(self, text: str) -> None:
    if self._closed is None:
      return
    match = self._closed.match(text)
    assert match is not None
    if match.end() < len(text):
      raise ValueError(
        f"no token begins at position {match.end()} of {text!r}: "
        f"{text[match.end() : match.end() + 12]!r}; spaces are part of the "
        'tokens, as in " +3"'
      )


def arithmetic() -> Tokenizer:
  """The tokenizer of the built-in task: its pieces, and nothing else."""
  vocab = {piece: i for i, piece in enumerate(vocabulary.ARITHMETIC_PIECES)}
  # No piece stands for unknown text, so that anyone's encoding of it fails.
  backend = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
  backend.pre_tokenizer = pre_tokenizers.Split(
    tokenizers.Regex(_alternation(vocabulary.ARITHMETIC_PIECES)), "isolated"
  )
  backend.decoder = decoders.Fuse()
  special = [vocabulary.ARITHMETIC_STOP, vocabulary.ARITHMETIC_PAD]
  backend.add_special_tokens(special)
  stop_id, pad_id = (vocab[text] for text in special)
  return Tokenizer(backend, vocabulary.ARITHMETIC_CHAT, (stop_id,), pad_id)


def qwen2(folder: Path) -> Tokenizer:
  """Qwen2's byte-pair encoding with DeepSeek-R1-Distill-Qwen's additions.

  Raises:
    ValueError: vocab.json or merges.txt is missing, or is not Qwen2's.
  """
  backend = tokenizers.Tokenizer(_qwen2_merges(folder))
  backend.normalizer = normalizers.NFC()
  parts = tokenizers.Regex(vocabulary.QWEN2_PARTS)
  backend.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(parts, "isolated"),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
  )
  backend.decoder = decoders.ByteLevel()
  special = (vocabulary.R1_STOP, vocabulary.R1_BEGIN)
  backend.add_tokens(
    [
      tokenizers.AddedToken(text, normalized=False, special=text in special)
      for text in vocabulary.R1_ADDED
    ]
  )
  stop_id = _id(folder, backend, vocabulary.R1_STOP)
  return Tokenizer(
    backend, vocabulary.R1_CHAT, (stop_id,), stop_id, bos=vocabulary.R1_BEGIN
  )


def _qwen2_merges(folder: Path) -> models.BPE:
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


def load(spec: str) -> Tokenizer:
  """The tokenizer named "arithmetic", or that of a folder.

  A folder's tokenizer.json is read as it is. Without one, Transformers builds
  what tokenizer_config.json describes, and vocab.json with merges.txt alone
  is taken for Qwen2's.

  Raises:
    ValueError: there is no such folder, or no tokenizer in it.
  """
  if spec == "arithmetic":
    return arithmetic()
  folder = Path(spec)
  if not folder.is_dir():
    raise ValueError(
      f"tokenizer {spec!r} is neither 'arithmetic' nor an existing folder"
    )
  names = {path.name for path in folder.iterdir()}
  if "tokenizer.json" in names:
    return _from_json(folder)
  if "tokenizer_config.json" in names:
    return _from_transformers(folder)
  if {"vocab.json", "merges.txt"} <= names:
    return qwen2(folder)
  raise ValueError(
    f"tokenizer folder {spec!r} holds no tokenizer.json, no "
    "tokenizer_config.json, and not both vocab.json and merges.txt; it holds "
    f"{', '.join(sorted(names)[:8]) or 'nothing'}"
  )


def _from_json(folder: Path) -> Tokenizer:
  """Reads tokenizer.json itself: the class named beside it can misread it."""
  file = folder / "tokenizer.json"
  try:
    backend = tokenizers.Tokenizer.from_file(str(file))
  except Exception as error:  # the library raises nothing narrower
    raise ValueError(f"{file} is no tokenizer: {error}") from error
  # Some folders were saved with their training's maximum length.
  backend.no_truncation()
  backend.no_padding()
  found = settings.read(folder)
  eos = _id(file, backend, found.eos)
  template = found.chat_template
  if template:
    template = rendering.switchable(template, found.special)
  return Tokenizer(
    backend,
    template,
    stop_ids=tuple(dict.fromkeys((eos, *found.stop_ids))),
    pad_id=_id(file, backend, found.pad) if found.pad else eos,
    bos=found.bos,
  )


def _from_transformers(folder: Path) -> Tokenizer:
  """Has Transformers convert what it understands, and reads that."""
  import transformers  # takes seconds, so only here

  found = transformers.AutoTokenizer.from_pretrained(
    str(folder), local_files_only=True
  )
  if not found.is_fast:
    name = type(found).__name__
    raise ValueError(f"tokenizer folder {folder}: {name} has no fast form")
  with tempfile.TemporaryDirectory() as converted:
    found.save_pretrained(converted)
    generation = folder / "generation_config.json"
    if generation.is_file():
      shutil.copy(generation, converted)
    return _from_json(Path(converted))


def _id(file: Path, backend: tokenizers.Tokenizer, text: str) -> int:
  found = backend.token_to_id(text)
  if found is None:
    raise ValueError(f"{file} has no token {text!r}, which is to be special")
  return found


def _alternation(pieces: Iterable[str]) -> str:
  """A regular expression for any one of the pieces, the longest first."""
  return "|".join(map(re.escape, sorted(pieces, key=len, reverse=True)))
