"""Folders as others wrote them, and what is wrong with some."""

import json
import shutil

import pytest

from rrm_jax.records import Message
from rrm_jax.text import tokenizer

ASKED = (Message("user", "+1"),)


@pytest.fixture
def folder(tmp_path, arithmetic):
  arithmetic.save(tmp_path)
  return tmp_path


def change(folder, **settings):
  file = folder / "tokenizer_config.json"
  found = json.loads(file.read_text())
  del found["stop_ids"]
  file.write_text(json.dumps({**found, **settings}))


def test_template_that_always_thinks_learns_not_to(folder):
  (folder / "chat_template.jinja").write_text(
    "{{ messages[0].content }}{% if add_generation_prompt %}"
    "{{ '<A><think>\\n' }}{% endif %}\n"
  )
  loaded = tokenizer.load(str(folder))
  assert loaded.chat(ASKED, thinking=True) == "+1<A><think>\n"
  assert loaded.chat(ASKED, thinking=False) == "+1<A><think>\n\n</think>\n\n"
  # What is saved is the template which was rendered.
  loaded.save(folder / "again")
  again = tokenizer.load(str(folder / "again"))
  assert again.chat_template == loaded.chat_template


def test_template_that_knows_of_enable_thinking_is_left_alone(folder):
  template = (
    "{{ messages[0].content }}"
    "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
  )
  (folder / "chat_template.jinja").write_text(template)
  loaded = tokenizer.load(str(folder))
  assert loaded.chat_template == template
  assert loaded.chat(ASKED, thinking=True) == "+1"


@pytest.mark.parametrize(
  "spelled", ["{{ bos_token }}!", [{"name": "default", "template": "!"}]]
)
def test_template_inside_the_settings(folder, spelled):
  (folder / "chat_template.jinja").unlink()
  change(folder, chat_template=spelled)
  assert tokenizer.load(str(folder)).chat(ASKED, thinking=True) == "!"


def test_folder_without_template_can_encode_but_not_chat(folder):
  (folder / "chat_template.jinja").unlink()
  loaded = tokenizer.load(str(folder))
  assert loaded.encode(" yes") == [62]
  with pytest.raises(ValueError, match="no chat template"):
    loaded.chat(ASKED, thinking=True)


@pytest.mark.parametrize(
  "template", ["{{ raise_exception('no system') }}", "{% if %}"]
)
def test_template_that_fails(folder, template):
  (folder / "chat_template.jinja").write_text(template)
  with pytest.raises(ValueError, match="chat template failed"):
    tokenizer.load(str(folder))


def test_special_tokens_as_objects_and_no_pad(folder):
  change(folder, eos_token={"content": "<|end|>"}, pad_token=None)
  loaded = tokenizer.load(str(folder))
  assert loaded.stop_ids == (69,)
  assert loaded.pad_id == 69


def test_template_lines_leave_no_blanks_as_in_transformers(folder):
  (folder / "chat_template.jinja").write_text(
    "{% for message in messages %}\n"
    "  {% if message.content == '+1' %}\n"
    "{{ message.content }}!\n"
    "  {% endif %}\n"
    "{% endfor %}\n"
  )
  assert tokenizer.load(str(folder)).chat(ASKED, thinking=True) == "+1!\n"


@pytest.mark.parametrize("listed", [70, [70, 69]])
def test_generation_config_adds_stop_tokens(folder, listed):
  change(folder)
  (folder / "generation_config.json").write_text(
    json.dumps({"eos_token_id": listed})
  )
  loaded = tokenizer.load(str(folder))
  assert loaded.stop_ids == (69, 70)
  loaded.save(folder / "again")
  assert tokenizer.load(str(folder / "again")).stop_ids == (69, 70)


def test_truncation_of_others_is_switched_off(folder, arithmetic):
  file = folder / "tokenizer.json"
  found = json.loads(file.read_text())
  found["truncation"] = {
    "direction": "Right",
    "max_length": 2,
    "strategy": "LongestFirst",
    "stride": 0,
  }
  file.write_text(json.dumps(found))
  assert len(tokenizer.load(str(folder)).encode(" 1 2 3")) == 3


def test_folder_that_only_transformers_understands(tmp_path, shared_data):
  for name in ("vocab.json", "merges.txt"):
    shutil.copy(shared_data / "tokenizers" / "qwen2" / name, tmp_path)
  added = {"151643": "<|endoftext|>", "151644": "<|im_end|>"}
  settings = {
    "tokenizer_class": "Qwen2Tokenizer",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "chat_template": "{{ messages[0].content }}",
    "added_tokens_decoder": {
      i: {"content": text, "special": True} for i, text in added.items()
    },
  }
  (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
  (tmp_path / "generation_config.json").write_text(
    json.dumps({"eos_token_id": [151644, 151643]})
  )
  loaded = tokenizer.load(str(tmp_path))
  assert loaded.stop_ids == (151644, 151643)
  assert loaded.pad_id == 151643
  assert loaded.encode("Hi 12<|im_end|>") == [13048, 220, 16, 17, 151644]
  assert loaded.chat(ASKED, thinking=True) == "+1"


def test_unknown_name():
  with pytest.raises(ValueError, match=r"'gone/x' is neither 'arithmetic'"):
    tokenizer.load("gone/x")


def test_folder_without_tokenizer(tmp_path):
  (tmp_path / "vocab.json").write_text("{}")
  with pytest.raises(ValueError, match=r"no tokenizer\.json.*vocab\.json$"):
    tokenizer.load(str(tmp_path))


def test_vocabulary_that_is_not_qwen2s(tmp_path):
  (tmp_path / "vocab.json").write_text('{"a": 0}')
  (tmp_path / "merges.txt").write_text("#version: 0.2\n")
  with pytest.raises(ValueError, match=r"vocab\.json has 1 entries"):
    tokenizer.load(str(tmp_path))
  (tmp_path / "vocab.json").write_text("{")
  with pytest.raises(ValueError, match=r"vocab\.json or .*merges\.txt"):
    tokenizer.load(str(tmp_path))
  (tmp_path / "vocab.json").unlink()
  with pytest.raises(ValueError, match=r"vocab\.json is missing"):
    tokenizer.qwen2(tmp_path)


def test_broken_files(folder):
  change(folder, eos_token=None)
  with pytest.raises(ValueError, match="names no eos_token"):
    tokenizer.load(str(folder))
  change_to = folder / "tokenizer_config.json"
  change_to.write_text('{"eos_token": "<eos>"}')
  with pytest.raises(ValueError, match="no token '<eos>'"):
    tokenizer.load(str(folder))
  change_to.write_text("{")
  with pytest.raises(ValueError, match=r"tokenizer_config\.json is not JSON"):
    tokenizer.load(str(folder))
  (folder / "tokenizer.json").write_text("{}")
  with pytest.raises(ValueError, match=r"tokenizer\.json is no tokenizer"):
    tokenizer.load(str(folder))
