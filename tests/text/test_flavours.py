# ruff: noqa: RUF001  the fullwidth bars are DeepSeek's
"""The chat models that share Qwen2's ranks."""

import shutil

import pytest

from rrm_jax.config import Template
from rrm_jax.records import Message
from rrm_jax.text import templates, tokenizer, vocabulary

ASKED = (Message("system", "Judge."), Message("user", "1 or 2?"))
TURNS = (
  Message("user", "a"),
  Message("assistant", "<think>\nhm\n</think>b"),
  Message("user", "c"),
)
DEFAULT = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."


@pytest.fixture(scope="module")
def folder(shared_data):
  return shared_data / "tokenizers" / "qwen2"


@pytest.fixture(params=list(vocabulary.FLAVOURS))
def flavoured(request, folder):
  return tokenizer.load(f"{folder}#{request.param}")


def test_the_default_is_the_newer_r1(folder):
  bare = tokenizer.load(str(folder))
  named = tokenizer.load(f"{folder}#r1")
  assert bare.chat_template == named.chat_template
  assert bare.backend.tokenizer.to_str() == named.backend.tokenizer.to_str()


def test_ids_of_qwen25(folder):
  ours = tokenizer.load(f"{folder}#qwen2.5")
  assert ours.stop_ids == (151_645, 151_643)
  assert ours.pad_id == 151_643
  assert ours.bos == ""
  assert ours.closing_tag is None
  assert ours.vocab_size == 151_665
  for text, token_id in {
    "<|endoftext|>": 151_643,
    "<|im_start|>": 151_644,
    "<|im_end|>": 151_645,
    "<|object_ref_start|>": 151_646,
    "<|box_end|>": 151_649,
    "<|quad_start|>": 151_650,
    "<|video_pad|>": 151_656,
    "<tool_call>": 151_657,
    "<|fim_prefix|>": 151_659,
    "<|file_sep|>": 151_664,
  }.items():
    assert ours.token(text) == token_id
  assert len(ours.encode("</think>")) > 1


def test_special_flags(folder):
  for flavour, ordinary in (
    ("qwen2.5", {*range(151_657, 151_665)}),
    (
      "r1",
      {151_644, 151_645, 151_647, 151_648, 151_649, *range(151_657, 151_665)},
    ),
  ):
    ours = tokenizer.load(f"{folder}#{flavour}")
    added = ours.backend.tokenizer.get_added_tokens_decoder()
    assert sorted(added) == list(range(151_643, 151_665))
    assert {i for i, token in added.items() if not token.special} == ordinary


def test_chat_of_qwen25(folder):
  ours = tokenizer.load(f"{folder}#qwen2.5")
  rendered = (
    "<|im_start|>system\nJudge.<|im_end|>\n"
    "<|im_start|>user\n1 or 2?<|im_end|>\n<|im_start|>assistant\n"
  )
  assert ours.chat(ASKED, thinking=True) == rendered
  assert ours.chat(ASKED, thinking=False) == rendered
  assert ours.chat(ASKED[1:], thinking=True) == rendered.replace(
    "Judge.", DEFAULT
  )
  ids = ours.prompt(ASKED, thinking=True)
  assert ids[:3] == [151_644, 8_948, 198]
  assert ids[-3:] == [151_644, 77_091, 198]


def test_chat_of_both_r1(folder):
  newer, older = (
    tokenizer.load(f"{folder}#{name}") for name in ("r1", "r1-2501")
  )
  for turns in (ASKED, TURNS):
    begun = older.chat(turns, thinking=True)
    assert begun.endswith("<｜Assistant｜>")
    assert newer.chat(turns, thinking=True) == begun + "<think>\n"
    for ours in (newer, older):
      assert ours.chat(turns, thinking=False) == (
        begun + "<think>\n\n</think>\n\n"
      )
  assert older.backend.guarded == newer.backend.guarded


def test_transformers_renders_the_same(flavoured, tmp_path):
  import transformers

  flavoured.save(tmp_path)
  (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
  theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
  assert len(theirs) == flavoured.vocab_size
  assert theirs.eos_token_id == flavoured.stop_ids[0]
  assert theirs.pad_token_id == flavoured.pad_id
  for turns in (ASKED, ASKED[1:], TURNS):
    messages = [turn._asdict() for turn in turns]
    for thinking in (True, False):
      rendered = theirs.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, thinking=thinking
      )
      assert rendered == flavoured.chat(turns, thinking)
      assert theirs(rendered, add_special_tokens=False).input_ids == (
        flavoured.encode(rendered)
      )
  again = tokenizer.load(str(tmp_path))
  assert again.chat_template == flavoured.chat_template
  assert again.stop_ids == flavoured.stop_ids
  assert again.closing_tag == flavoured.closing_tag


@pytest.mark.parametrize("thinking", [True, False])
def test_closing_text_joins_as_it_stands(flavoured, thinking):
  closing = templates.closing(Template(thinking=thinking))
  for choice in closing.choices:
    assert flavoured.encode(closing.text + choice + closing.ending) == [
      *flavoured.encode(closing.text),
      flavoured.token(choice),
      *flavoured.encode(closing.ending),
    ]


OLDER = (
  "{{ bos_token }}{% for m in messages %}{{ '<｜User｜>' + m['content'] }}"
  "{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)


@pytest.mark.parametrize(
  ("flavour", "added"), [("r1", "<think>\n\n</think>\n\n"), ("qwen2.5", "")]
)
def test_deepseeks_first_template_in_a_folder(folder, tmp_path, flavour, added):
  tokenizer.load(f"{folder}#{flavour}").save(tmp_path)
  (tmp_path / "chat_template.jinja").write_text(OLDER)
  loaded = tokenizer.load(str(tmp_path))
  begun = loaded.bos + "<｜User｜>1 or 2?<｜Assistant｜>"
  assert loaded.chat(ASKED[1:], thinking=True) == begun
  assert loaded.chat(ASKED[1:], thinking=False) == begun + added
  loaded.save(tmp_path / "again")
  again = tokenizer.load(str(tmp_path / "again"))
  assert again.chat_template == loaded.chat_template


def test_unknown_flavour(folder):
  with pytest.raises(ValueError, match=r"'r2' of folder .* r1, r1-2501, qwen2"):
    tokenizer.load(f"{folder}#r2")
  with pytest.raises(ValueError, match=r"'gone#r1' is neither .* r1, r1-2501"):
    tokenizer.load("gone#r1")


def test_a_flavour_of_a_folder_that_knows_itself(arithmetic, tmp_path):
  arithmetic.save(tmp_path)
  with pytest.raises(ValueError, match=r"tokenizer\.json says .* out #r1$"):
    tokenizer.load(f"{tmp_path}#r1")


def test_a_folder_with_the_mark_in_its_name(folder, tmp_path):
  odd = tmp_path / "a#r1"
  odd.mkdir()
  for name in ("vocab.json", "merges.txt"):
    shutil.copy(folder / name, odd)
  assert tokenizer.load(str(odd)).closing_tag == 151_649
  assert tokenizer.load(f"{odd}#qwen2.5").closing_tag is None
