"""What a job trains on, and where its weights come from."""

import dataclasses
import itertools
import json
import logging

import jax
import numpy as np
import pytest

from rrm_jax import config, weights, workdir
from rrm_jax.data import arithmetic, kept
from rrm_jax.records import Candidates, Comparison, Message
from rrm_jax.text import closed_vocabulary, templates
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import loading
from tests import small_job

TEMPLATE = config.Template(name="arithmetic")


@pytest.fixture(scope="module")
def comparisons():
  """Queries of four slots and, at the end, two of eight."""
  four, eight = config.Data(max_terms=4), config.Data(max_terms=8)
  return [arithmetic.comparison(four, 0, "train", i) for i in range(6)] + [
    arithmetic.comparison(eight, 1, "train", i) for i in range(2)
  ]


def test_long_prompts_are_named_and_counted(comparisons, caplog):
  with caplog.at_level(logging.WARNING):
    kept = loading.fitting(
      comparisons, tokenizers.arithmetic(), TEMPLATE, limit=8
    )
  assert kept == comparisons[:6]
  assert "2 of 8 left out" in caplog.text
  assert comparisons[6].uid in caplog.text and "12 tokens" in caplog.text


def test_nothing_fits(comparisons):
  with pytest.raises(ValueError, match="the shortest has 8"):
    loading.fitting(comparisons, tokenizers.arithmetic(), TEMPLATE, limit=7)


def test_the_model_has_no_room_for_a_prompt():
  cfg = config.Model(80, 8, 16, 2, 2, 1, 4, max_positions=64)
  assert loading.room(cfg, 100, 24) == 40
  assert loading.room(cfg, 30, 24) == 30
  message = r"max_new_tokens=64 leaves no room .* max_positions=64; lower"
  with pytest.raises(ValueError, match=message):
    loading.room(cfg, 100, 64)


def test_prompts_that_the_model_has_no_room_for_are_left_out(tmp_path, caplog):
  """Or a run would end where it comes to the first of them."""
  lengths = [4] * 20 + [8] * 10  # of queries; each has 4 tokens more
  made = [
    arithmetic.comparison(config.Data(max_terms=terms), 0, "train", i)
    for i, terms in enumerate(lengths)
  ]
  rows = [
    {"id": c.uid, "query": c.query, "chosen": "1", "rejected": "2"}
    for c in made
  ]
  path = tmp_path / "pairs.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  values = small_job.mapping() | {"data": {"source": str(path)}}
  values["model"] |= {"max_positions": 18}  # of which 8 are sampled
  cfg = config.from_mapping(config.Job, values)
  with caplog.at_level(logging.INFO):
    found = loading.splits(cfg, tokenizers.arithmetic(), tmp_path)
  kept = [part[i] for part in found for i in range(len(part))]
  assert sorted(one.uid for one in kept) == sorted(c.uid for c in made[:20])
  assert "longer than 10 tokens" in caplog.text
  trained, held_out = map(len, found)
  assert (
    f"{trained} comparisons to train on, {held_out} held out" in caplog.text
  )


def test_other_comparisons_are_told(comparisons):
  one = loading.Splits(comparisons[:5], comparisons[5:])
  moved = [dataclasses.replace(c, source="elsewhere") for c in one.train]
  assert loading.held_to(one) == loading.held_to(one._replace(train=moved))
  other = dataclasses.replace(comparisons[0], label=3 - comparisons[0].label)
  for another in (
    loading.Splits([other, *comparisons[1:5]], comparisons[5:]),
    loading.Splits(comparisons[:4], comparisons[4:]),
  ):
    assert loading.held_to(another) != loading.held_to(one)


def test_a_kept_set_is_split(tmp_path, comparisons):
  many = [
    dataclasses.replace(one, uid=f"{one.uid}/{copy}")
    for one in comparisons
    for copy in range(4)
  ]
  place = tmp_path / "sets" / "mine"
  kept.write_comparisons(place, lambda: many)
  values = small_job.mapping() | {"data": {"source": str(place)}}
  cfg = config.from_mapping(config.Job, values)
  found = loading.splits(cfg, tokenizers.arithmetic(), tmp_path)
  assert len(found.train) + len(found.test) == len(many)
  values["data"]["source"] = str(place.parent)
  cfg = config.from_mapping(config.Job, values)
  with pytest.raises(ValueError, match=r"is a folder; give one of .*/mine$"):
    loading.splits(cfg, tokenizers.arithmetic(), tmp_path)


def test_a_users_file_is_split(tmp_path, comparisons):
  path = tmp_path / "pairs.jsonl"
  rows = [
    {
      "id": c.uid,
      "query": c.query,
      "chosen": c.responses[c.label - 1],
      "rejected": c.responses[2 - c.label],
    }
    for c in comparisons[:6]
  ] * 4
  path.write_text(
    "".join(
      json.dumps(row | {"id": f"{row['id']}/{i}"}) + "\n"
      for i, row in enumerate(rows)
    )
  )
  values = small_job.mapping()
  values["data"] = {"source": str(path), "num_test": 100}
  job = config.from_mapping(config.Job, values)
  parts = loading.splits(job, tokenizers.arithmetic(), tmp_path)
  assert len(parts.train) == 20 and len(parts.test) == 4
  assert not {c.query for c in parts.train} & {c.query for c in parts.test}


def test_what_has_no_label_is_left_out_and_counted(comparisons, caplog):
  some = [dataclasses.replace(one, label=None) for one in comparisons[:3]]
  assert loading.labelled([*some, *comparisons[3:]]) == comparisons[3:]
  assert f"3 of 8 left out, they have no label: {some[0].uid}" in caplog.text
  with pytest.raises(ValueError, match="none of 3 comparisons has a label"):
    loading.labelled(some)


def test_a_folder_of_two_files_is_kept_apart(tmp_path, comparisons):
  for split, part in {
    "train": comparisons[:4],
    "test": comparisons[4:],
  }.items():
    rows = [
      {
        "id": one.uid,
        "query": one.query,
        "response_1": one.responses[0],
        "response_2": one.responses[1],
        "label": one.label,
      }
      for one in part
    ]
    text = "\n".join(map(json.dumps, rows))
    (tmp_path / f"{split}.jsonl").write_text(text)
  job = config.from_mapping(
    config.Job, small_job.mapping() | {"data": {"source": str(tmp_path)}}
  )
  parts = loading.splits(job, tokenizers.arithmetic(), tmp_path / "task")
  uids = [one.uid for one in comparisons]
  assert [one.uid for one in parts.train] == uids[:4]
  assert [one.uid for one in parts.test] == uids[4:]
  (tmp_path / "test.jsonl").unlink()
  with pytest.raises(ValueError, match=r"test\.jsonl cannot be read"):
    loading.splits(job, tokenizers.arithmetic(), tmp_path / "task")


def test_a_prompt_fits_in_every_stage(tmp_path, comparisons):
  """The first stage's wording is two tokens longer than the last's."""
  rows = [
    {"query": one.query, "chosen": "8", "rejected": "3"} for one in comparisons
  ]
  source = tmp_path / "pairs"
  source.mkdir()
  for split in ("train", "test"):
    text = "\n".join(map(json.dumps, rows))
    (source / f"{split}.jsonl").write_text(text)
  words = tmp_path / "words.txt"
  words.write_text(
    "=== user ===\n{query} . . A1:{response_1} A2:{response_2}\n"
  )
  values = small_job.mapping()
  values["data"] = {"source": str(source), "max_prompt_tokens": 12}
  job = config.from_mapping(config.Job, values)
  assert len(loading.splits(job, tokenizers.arithmetic(), tmp_path).train) == 8
  values["stages"]["warm_start"]["template"] = {
    "name": "arithmetic", "file": str(words),
  }  # fmt: skip
  job = config.from_mapping(config.Job, values)
  assert len(loading.splits(job, tokenizers.arithmetic(), tmp_path).train) == 6


def test_init_from_another_model(tmp_path):
  first = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  made = small_job.run(tmp_path / "first", first)
  workdir.write_config(tmp_path / "first", made.cfg)
  second = json.loads(json.dumps(first)) | {
    "init_from": str(tmp_path / "first")
  }
  second["model"]["num_layers"] = 1
  with pytest.raises(ValueError, match="is of another model"):
    small_job.run(tmp_path / "second", second)


def test_init_from_starts_where_the_other_ended(tmp_path):
  first = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  made = small_job.run(tmp_path / "first", first)
  workdir.write_config(tmp_path / "first", made.cfg)
  second = first | {"init_from": str(tmp_path / "first")}
  with small_job.opened(tmp_path / "second", second) as job:
    begun = loading.initial_params(job.cfg, 0, job.layout)
  ended = weights.saved_params(made.cfg, made.folder, "warm_start", made.layout)
  jax.tree.map(np.testing.assert_array_equal, begun, ended)


def test_long_groups_are_named_and_counted(caplog):
  words = (
    "one two",
    "one",
    "one two three four",
    "a b c d e f g h i j k l m n",
  )
  groups = [
    Candidates(f"g{n}", (Message("user", "Which?"),), words[:n])
    for n in (2, 3, 4)
  ]
  pieces = [*map(chr, range(32, 127)), "\n", "<|end|>"]
  backend = closed_vocabulary.backend(pieces, {"<|end|>"})
  chat = "{{ messages[-1].content }}"
  tokenizer = tokenizers.Tokenizer(backend, chat, (96,), 96)
  template = config.Template()

  def length(group):
    pairs = itertools.combinations(group.responses, 2)
    return max(
      len(
        templates.prompt(
          tokenizer, template, Comparison("c", group.conversation, pair)
        )
      )
      for pair in pairs
    )

  limit = length(groups[1])
  assert length(groups[0]) < limit < length(groups[2])
  with caplog.at_level(logging.WARNING):
    kept = loading.fitting_groups(groups, tokenizer, template, limit)
  assert kept == groups[:2]
  assert f"1 of 3 left out, their prompts are longer than {limit}" in (
    caplog.text
  )
  assert f"g4 ({length(groups[2])} tokens" in caplog.text
  with pytest.raises(ValueError, match=f"the shortest has {length(groups[0])}"):
    loading.fitting_groups(groups, tokenizer, template, 7)
