# ruff: noqa: RUF001  the fullwidth bars are DeepSeek's
import re
import subprocess
import sys
import unicodedata

import pytest
import tokenizers
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rrm_jax.records import Message
from rrm_jax.text import tokenizer, vocabulary

ASKED = (Message("system", "Judge."), Message("user", "1 or 2?"))


def llama_cpp_vectors(folder):
  texts = (folder / "ggml-vocab-qwen2.gguf.inp").read_bytes().decode()
  rows = (folder / "ggml-vocab-qwen2.gguf.out").read_text().splitlines()
  *texts, after_the_last = texts.split("\n__ggml_vocab_test__\n")
  assert not after_the_last
  return texts, [[int(i) for i in row.split()] for row in rows]


def test_qwen2_agrees_with_llama_cpp(shared_data, qwen2):
  folder = shared_data / "tokenizers" / "llama_cpp_vectors"
  texts, rows = llama_cpp_vectors(folder)
  assert len(texts) == len(rows) == 46
  assert [qwen2.encode(text) for text in texts] == rows
  assert qwen2.encode_batch(texts) == rows
  assert qwen2.decode_batch(rows) == [
    unicodedata.normalize("NFC", text) for text in texts
  ]


def test_qwen2_special_tokens_are_deepseeks(qwen2):
  assert qwen2.stop_ids == (151643,)
  assert qwen2.pad_id == 151643
  assert qwen2.vocab_size == 151665
  assert qwen2.token("<｜end▁of▁sentence｜>") == 151643
  assert qwen2.token("<｜User｜>") == 151644
  assert qwen2.token("<｜Assistant｜>") == 151645
  assert qwen2.token("<｜begin▁of▁sentence｜>") == 151646
  assert qwen2.token("<think>") == 151648
  assert qwen2.token("</think>") == 151649
  assert qwen2.token("<|file_sep|>") == 151664


@settings(deadline=None)
@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_qwen2_loses_nothing_but_normalization(qwen2, text):
  assume(vocabulary.R1_STOP not in text)  # the one that is silent
  expected = unicodedata.normalize("NFC", text)
  assert qwen2.decode(qwen2.encode(text)) == expected


def test_qwen2_chat(qwen2):
  opened = (
    "<｜begin▁of▁sentence｜>Judge.<｜User｜>1 or 2?<｜Assistant｜><think>\n"
  )
  assert qwen2.chat(ASKED, thinking=True) == opened
  assert qwen2.chat(ASKED, thinking=False) == opened + "\n</think>\n\n"
  ids = qwen2.encode(qwen2.chat(ASKED, thinking=True))
  assert ids[0] == 151646
  assert ids[-3:] == [151645, 151648, 198]
  assert ids.count(151646) == 1


def test_qwen2_chat_drops_the_thinking_of_earlier_answers(qwen2):
  turns = (
    Message("user", "a"),
    Message("assistant", "<think>\nhm\n</think>b"),
    Message("user", "c"),
  )
  assert qwen2.chat(turns, thinking=True) == (
    "<｜begin▁of▁sentence｜><｜User｜>a<｜Assistant｜>b<｜end▁of▁sentence｜>"
    "<｜User｜>c<｜Assistant｜><think>\n"
  )


def test_decode_keeps_tags_and_leaves_out_stop_and_pad(qwen2, arithmetic):
  assert qwen2.decode([151648, 198, 151649, 151643, 151643]) == (
    "<think>\n</think>"
  )
  stop, pad = arithmetic.stop_ids[0], arithmetic.pad_id
  yes = arithmetic.token(" yes")
  assert arithmetic.decode([yes, stop, pad, pad]) == " yes"


def test_decode_ignores_ids_beyond_the_tokenizer(qwen2):
  # A model's vocabulary is padded; before training it may well sample there.
  assert qwen2.decode([16, 152_000, 17]) == "12"


def test_the_length_of_a_thought(qwen2, arithmetic):
  for ours, text in ((qwen2, "a b</think>c"), (arithmetic, " 3 4 </think>")):
    ids = ours.encode(text)
    assert ours.thought_length(ids) == 2
    assert ours.thought_length(ids[:2]) == 2
    assert ours.thought_length([]) == 0


def test_arithmetic_goldens(arithmetic):
  text = arithmetic.chat(
    (Message("user", "+3 -9 *7 . . A1:8 A2:5"),), thinking=True
  )
  assert text == "Q: +3 -9 *7 . . A1:8 A2:5 <think>"
  assert arithmetic.encode(text) == [0, 4, 20, 26, 29, 29, 38, 45, 50]
  completion = " 3 4 8 = 8 A1:8 yes A2:5 no </think> \\boxed{Assistant 1}"
  ids = arithmetic.encode(completion)
  assert ids == [54, 55, 59, 61, 59, 38, 62, 45, 63, 64, 65, 66, 68]
  assert arithmetic.decode(ids) == completion
  assert arithmetic.vocab_size == 71
  assert arithmetic.token("<|end|>") == arithmetic.stop_ids[0] == 69
  assert arithmetic.token("<|pad|>") == arithmetic.pad_id == 70


def test_arithmetic_without_thinking_opens_nothing(arithmetic):
  text = arithmetic.chat((Message("user", "+3 A1:3 A2:4"),), thinking=False)
  assert text == "Q: +3 A1:3 A2:4"


# All but stop and pad, which are silent.
@settings(deadline=None)
@given(ids=st.lists(st.integers(0, 68)))
def test_arithmetic_round_trip(arithmetic, ids):
  assert arithmetic.encode(arithmetic.decode(ids)) == ids


def test_no_arithmetic_piece_begins_another():
  pieces = vocabulary.ARITHMETIC_PIECES
  assert len(set(pieces)) == len(pieces) == 71
  for piece in pieces:
    assert [p for p in pieces if p.startswith(piece)] == [piece]


@pytest.mark.parametrize(
  ("text", "position"), [("Q: +3 x", 5), ("x", 0), ("Q:  +3", 2), ("Q: +", 2)]
)
def test_arithmetic_names_what_it_cannot_write(arithmetic, text, position):
  message = f"position {position} of {re.escape(repr(text))}"
  with pytest.raises(ValueError, match=message):
    arithmetic.encode(text)
  with pytest.raises(ValueError, match=message):
    arithmetic.encode_batch(["Q:", text])


def test_arithmetic_fails_for_anyone_who_asks_for_more(arithmetic):
  # In the library itself too, past our own check and its message.
  with pytest.raises(Exception, match="<unk>"):
    arithmetic.backend.tokenizer.encode("Q:?")


@pytest.mark.parametrize("text", ["", "Assistant 1}"])
def test_token_wants_exactly_one(arithmetic, text):
  with pytest.raises(ValueError, match="must be one"):
    arithmetic.token(text)


@pytest.mark.parametrize("beside_model", [False, True])
@pytest.mark.parametrize("name", ["arithmetic", "qwen2"])
def test_saved_folder_is_the_same_to_transformers(
  request, tmp_path, name, beside_model
):
  import transformers

  ours = request.getfixturevalue(name)
  ours.save(tmp_path)
  assert ours.portable
  if beside_model:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
  theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
  text = (
    " 3 = 3 A1:3 yes </think> \\boxed{Assistant 1}"
    if name == "arithmetic"
    else "It's 12  e\u0301<think>\n\n</think> <|endoftext|> 你好"
  )
  ids = theirs(text, add_special_tokens=False)["input_ids"]
  assert ids == ours.encode(text)
  assert theirs.decode(ids) == ours.decode(ids)
  assert len(theirs) == ours.vocab_size
  assert theirs.eos_token_id == ours.stop_ids[0]
  assert theirs.pad_token_id == ours.pad_id
  messages = [message._asdict() for message in ASKED]
  for thinking in (True, False):
    rendered = theirs.apply_chat_template(
      messages, tokenize=False, add_generation_prompt=True, thinking=thinking
    )
    assert rendered == ours.chat(ASKED, thinking)
  default = theirs.apply_chat_template(
    messages, tokenize=False, add_generation_prompt=True
  )
  assert default == ours.chat(ASKED, thinking=True)


def test_every_arithmetic_piece_survives_transformers(tmp_path, arithmetic):
  # Beside Qwen2's config.json they rebuild the tokenizer as Qwen2's.
  import transformers

  arithmetic.save(tmp_path)
  (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
  theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
  assert type(theirs).__name__ == "Qwen2Tokenizer"
  pieces = vocabulary.ARITHMETIC_PIECES
  ids = list(range(len(pieces)))
  assert theirs.convert_ids_to_tokens(ids) == list(pieces)
  assert theirs("".join(pieces)).input_ids == ids
  assert theirs.decode(ids) == "".join(pieces)
  spoken = theirs.decode(ids, skip_special_tokens=True)
  assert spoken == arithmetic.decode(ids) == "".join(pieces[:-2])


def test_arithmetic_as_a_list_of_words_is_read_too(tmp_path, arithmetic):
  # The form in which folders were saved at first.
  pieces = vocabulary.ARITHMETIC_PIECES
  arithmetic.save(tmp_path)
  vocab = {piece: i for i, piece in enumerate(pieces)}
  words = tokenizers.Tokenizer(
    tokenizers.models.WordLevel(vocab, unk_token="<unk>")
  )
  regex = tokenizers.Regex("|".join(map(re.escape, pieces)))
  words.pre_tokenizer = tokenizers.pre_tokenizers.Split(regex, "isolated")
  words.decoder = tokenizers.decoders.Fuse()
  words.add_special_tokens(list(pieces[-2:]))
  words.save(str(tmp_path / "tokenizer.json"))
  again = tokenizer.load(str(tmp_path))
  ids = list(range(len(pieces)))
  assert again.encode("".join(pieces)) == ids
  assert again.decode(ids) == arithmetic.decode(ids)
  assert again.backend.guarded == arithmetic.backend.guarded
  asked = [Message("user", "+3 A1:3 A2:4")]
  assert again.prompt(asked, True) == arithmetic.prompt(asked, True)
  with pytest.raises(ValueError, match="position 2"):
    again.encode("Q:?")


def test_saved_folder_is_the_same_to_us(tmp_path, either):
  either.save(tmp_path)
  again = tokenizer.load(str(tmp_path))
  assert again.stop_ids == either.stop_ids
  assert again.pad_id == either.pad_id
  assert again.bos == either.bos
  assert again.chat_template == either.chat_template
  assert again.backend.tokenizer.to_str() == either.backend.tokenizer.to_str()


def test_saved_arithmetic_still_rejects_what_it_cannot_write(
  tmp_path, arithmetic
):
  arithmetic.save(tmp_path)
  with pytest.raises(ValueError, match="position 2"):
    tokenizer.load(str(tmp_path)).encode("Q:?")


def test_importing_it_does_not_import_transformers():
  code = (
    "import sys, rrm_jax.text.templates, rrm_jax.text.reward,"
    " rrm_jax.text.verdict; print('transformers' in sys.modules,"
    " 'jax' in sys.modules)"
  )
  run = subprocess.run(
    [sys.executable, "-W", "error", "-c", code],
    capture_output=True,
    text=True,
    check=True,
  )
  assert run.stdout.split() == ["False", "False"]
