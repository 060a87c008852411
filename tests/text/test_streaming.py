"""Decoding bit by bit is decoding at once."""

import json

import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rrm_jax.text import hugging_face, tokenizer
from tests.text import sentence_models

# Qwen2's first ids, and the small models' after some special ones, are bytes.
IDS = st.lists(
  st.integers(0, 265) | st.integers(0, 160_000) | st.integers(0, 80),
  max_size=40,
)
NAMES = ["arithmetic", "r1", "qwen2.5", *sentence_models.VARIANTS]


@pytest.fixture(scope="module")
def every(tmp_path_factory, request):
  qwen2 = request.getfixturevalue("shared_data") / "tokenizers" / "qwen2"
  made = {
    "arithmetic": tokenizer.arithmetic(),
    "r1": tokenizer.load(f"{qwen2}#r1"),
    "qwen2.5": tokenizer.load(f"{qwen2}#qwen2.5"),
  }
  for name in sentence_models.VARIANTS:
    folder = tmp_path_factory.mktemp(name)
    (folder / "tokenizer.model").write_bytes(sentence_models.model(name))
    made[name] = tokenizer.load(str(folder))
  return made


def streamed(ours, ids, size):
  stream = ours.stream()
  parts = [stream.push(ids[i : i + size]) for i in range(0, len(ids), size)]
  return [*parts, stream.flush()]


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=150)
@given(ids=IDS, size=st.integers(1, 5))
@example(ids=[200, 201, 202, 250, 251, 16, 152_000, 151_643, 16], size=1)
@example(ids=[274, 274, 6, 274, 2, 274, 4, 274], size=1)
def test_parts_make_the_whole(every, name, ids, size):
  ours = every[name]
  parts = streamed(ours, ids, size)
  assert "".join(parts) == ours.decode(ids)
  # Three bytes at most are not yet decided.
  assert len(parts[-1]) <= 3
  assert every[name].decode_batch([ids, ids]) == [ours.decode(ids)] * 2


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=50)
@given(text=st.text(st.characters(codec="utf-8")))
def test_no_character_is_split(every, name, text):
  if name == "arithmetic":
    return
  ours = every[name]
  ids = ours.encode(text)
  parts = streamed(ours, ids, 1)
  assert "".join(parts) == ours.decode(ids)
  assert not parts[-1]
  if "\ufffd" not in ours.decode(ids):
    assert "\ufffd" not in "".join(parts)


def test_blanks_that_open_a_text(every):
  for name in sentence_models.VARIANTS:
    ours = every[name]
    blank = ours.backend.id_of("\u2581")
    the = ours.backend.id_of("\u2581the")
    for ids in (
      [blank, the],
      [the, the],
      [blank, blank, blank, the],
      [0, the],
      [1, blank, 4, the],
      [ours.backend.id_of("<think>"), the],
    ):
      assert None not in ids
      assert "".join(streamed(ours, ids, 1)) == ours.decode(ids), (name, ids)


def test_invalid_bytes_are_not_withheld(every):
  stream = every["r1"].stream()
  byte = every["r1"].backend.id_of
  # 0xE6, then 0xE6 again: the first can belong to no character any more.
  assert stream.push([byte("\u00e6")]) == ""
  assert stream.push([byte("\u00e6")]) == "\ufffd"
  assert stream.push([16]) == "\ufffd1"
  assert stream.push([byte("\u00e6"), byte("\u0139"), byte("\u00a5")]) == "日"
  assert stream.flush() == ""


def test_stop_and_padding_are_silent(every):
  ours = every["qwen2.5"]
  stream = ours.stream()
  assert stream.push([16, 151_645, 151_643, 151_900, 17]) == "12"


def test_a_decoder_that_sees_the_whole_text_comes_at_the_end():
  vocab = {f"<0x{i:02X}>": i for i in range(256)}
  made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, [], unk_token=None))
  made.decoder = tokenizers.decoders.Sequence(
    [tokenizers.decoders.ByteFallback(), tokenizers.decoders.Fuse()]
  )
  ours = tokenizer.Tokenizer(hugging_face.HuggingFace(made), "", (255,), 255)
  ids = [*"é1".encode(), 0xC3]
  stream = ours.stream()
  assert stream.push(ids) == ""
  assert stream.flush() == ours.decode(ids) != "é1\ufffd"


def test_every_token_of_qwen2_is_its_bytes(every):
  backend = every["r1"].backend
  texts = backend.decode_batch([[i] for i in range(backend.size)])
  for i, text in enumerate(texts):
    assert backend._bytes_of(i).decode("utf-8", "replace") == text


def test_it_takes_time_in_proportion(every):
  # A stream keeps no text and no ids, whatever was pushed.
  stream = every["r1"].stream()
  stream.push(range(1_000))
  assert len(json.dumps(stream._reader._decoder.getstate()[0].hex())) < 20
