"""Folders with a tokenizer.model, against sentencepiece itself."""

import json

import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rrm_jax.records import Message
from rrm_jax.text import tokenizer
from tests.text import sentence_models

ASKED = (Message("user", "1 or 2?"),)
CHAT = (
  "{{ bos_token }}{% for m in messages %}<|turn|>{{ m['content'] }}"
  "{% endfor %}{% if add_generation_prompt %}<|turn|><think>{% endif %}"
)
TEXTS = st.lists(
  st.sampled_from(
    ["<think>", "</think>", "the judge", " ", "  ", "\n", "1", "::", "é", "☃"]
  )
  | st.text(st.characters(codec="utf-8"), max_size=4)
).map("".join)


@pytest.fixture(params=list(sentence_models.VARIANTS))
def variant(request):
  return request.param


@pytest.fixture
def folder(tmp_path, variant):
  (tmp_path / "tokenizer.model").write_bytes(sentence_models.model(variant))
  return tmp_path


@pytest.fixture
def loaded(folder):
  return tokenizer.load(str(folder))


@pytest.fixture
def processor(variant):
  return sentencepiece.SentencePieceProcessor(
    model_proto=sentence_models.model(variant)
  )


def same_for_each(function):
  """A property of files that no example changes."""
  return settings(deadline=None, max_examples=60)(function)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
  """Each variant as loaded, and as sentencepiece has it."""
  made = {}
  for name in sentence_models.VARIANTS:
    place = tmp_path_factory.mktemp(name)
    data = sentence_models.model(name)
    (place / "tokenizer.model").write_bytes(data)
    made[name] = (
      tokenizer.load(str(place)),
      sentencepiece.SentencePieceProcessor(model_proto=data),
    )
  return made


@same_for_each
@given(text=TEXTS)
@example(text="a  <think>b\n\n</think>é ☃ ::[")
def test_encodes_as_the_processor(pairs, text):
  for ours, theirs in pairs.values():
    assert ours.encode(text) == theirs.encode(text)
    assert ours.encode_batch([text, "x"]) == theirs.encode([text, "x"])
    silenced = [i for i in theirs.encode(text) if i not in (2, 3)]
    assert ours.decode(silenced) == theirs.decode(silenced)


@same_for_each
@given(ids=st.lists(st.integers(0, 263) | st.integers(0, 500)))
def test_decodes_as_the_processor(pairs, ids):
  for ours, theirs in pairs.values():
    controls = {
      i for i in range(theirs.get_piece_size()) if theirs.is_control(i)
    }
    spoken = [
      i for i in ids if i < theirs.get_piece_size() and i not in controls
    ]
    assert ours.decode(spoken) == theirs.decode(spoken)


def test_special_pieces(loaded, processor):
  assert loaded.vocab_size == processor.get_piece_size()
  assert loaded.stop_ids == (processor.eos_id(),) == (2,)
  assert loaded.pad_id == processor.pad_id() == 3
  assert loaded.bos == "<s>"
  assert loaded.closing_tag == processor.piece_to_id("</think>")
  assert loaded.backend.id_of("no such piece") is None


def test_control_pieces_cut_the_text(loaded, processor):
  turn = processor.piece_to_id("<|turn|>")
  ids = loaded.encode("<s>the judge<|turn|>1</s>")
  assert ids == [
    processor.bos_id(),
    *processor.encode("the judge"),
    turn,
    *processor.encode("1"),
    processor.eos_id(),
  ]
  # The processor shows none; here only stop and pad are silent.
  assert loaded.decode(ids) == "<s>the judge<|turn|>1"


def test_bytes_of_no_character(pairs):
  for name, (ours, _) in pairs.items():
    first = ours.backend.id_of("<0xE2>")
    if name == "without_bytes":
      assert first is None
      continue
    assert ours.decode([first, first]) == "\ufffd\ufffd"
    assert ours.decode(ours.encode("☃")) == "☃"


def test_ids_beyond_the_vocabulary_say_nothing(loaded):
  ids = loaded.encode("the judge")
  assert loaded.decode([5_000, *ids, 5_000]) == loaded.decode(ids)


def test_saved_folder_is_the_same_to_us(loaded, folder):
  loaded.save(folder / "again")
  again = tokenizer.load(str(folder / "again"))
  assert again.backend.model == loaded.backend.model
  assert (again.stop_ids, again.pad_id, again.bos, again.chat_template) == (
    loaded.stop_ids,
    loaded.pad_id,
    loaded.bos,
    loaded.chat_template,
  )


def test_files_beside_it(tmp_path):
  data = sentence_models.model("bpe")
  (tmp_path / "tokenizer.model").write_bytes(data)
  settings_file = tmp_path / "tokenizer_config.json"
  named = {"0": {"content": "<unk>"}, "1": {"content": "<s>"}}
  settings_file.write_text(
    json.dumps(
      {
        "tokenizer_class": "LlamaTokenizer",
        "eos_token": "<|turn|>",
        "chat_template": CHAT,
        "added_tokens_decoder": named,
      }
    )
  )
  (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2]}')
  loaded = tokenizer.load(str(tmp_path))
  turn = loaded.token("<|turn|>")
  assert loaded.stop_ids == (turn, 2)
  assert loaded.pad_id == 3
  assert loaded.chat(ASKED, thinking=True) == (
    "<s><|turn|>1 or 2?<|turn|><think>"
  )
  ids = loaded.prompt(ASKED, thinking=True)
  assert ids == loaded.encode(loaded.chat(ASKED, thinking=True))
  assert ids[:2] == [1, turn] and ids.count(turn) == 2
  # The prompt ends in an open thought, so without thinking it is closed.
  assert loaded.chat(ASKED, thinking=False).endswith("<think>\n</think>\n\n")


@pytest.mark.parametrize(
  ("name", "content"),
  [
    ("added_tokens.json", {"<|new|>": 7_000}),
    ("added_tokens.json", {"<s>": 2}),
    (
      "tokenizer_config.json",
      {"added_tokens_decoder": {"7000": {"content": "<|new|>"}}},
    ),
  ],
)
def test_tokens_that_the_model_lacks_are_refused(tmp_path, name, content):
  (tmp_path / "tokenizer.model").write_bytes(sentence_models.model("bpe"))
  (tmp_path / name).write_text(json.dumps(content))
  with pytest.raises(ValueError, match=r"adds the token '<.*tokenizer\.model"):
    tokenizer.load(str(tmp_path))


def test_broken_model(tmp_path):
  (tmp_path / "tokenizer.model").write_bytes(b"no model")
  with pytest.raises(ValueError, match=r"tokenizer\.model is no sentencepiece"):
    tokenizer.load(str(tmp_path))


def test_what_transformers_makes_of_it_is_not_exact(tmp_path):
  # As `Tokenizer.portable` says. Should this fail, they have become exact.
  import transformers

  (tmp_path / "tokenizer.model").write_bytes(sentence_models.model("bpe"))
  ours = tokenizer.load(str(tmp_path))
  assert not ours.portable
  ours.save(tmp_path)
  theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))

  def ids(text):
    return theirs(text, add_special_tokens=False).input_ids

  assert ids("the judge") == ours.encode("the judge")
  assert ids("the  judge") != ours.encode("the  judge")
  assert theirs.eos_token_id == ours.stop_ids[0]
  (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
  theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
  assert ids("the judge") != ours.encode("the judge")
