"""Each training set is read from small files of its published form."""

import pytest

from rrm_jax.data import preference_sets, problems
from rrm_jax.records import Message

from .published import chat, right, write_parquet, wrong

SHARD = "data/train-00000-of-00001.parquet"


def conversations(source="helpsteer2", chosen=("q", "a"), rejected=("q", "b")):
  return {
    "chosen": chat(*chosen),
    "rejected": chat(*rejected),
    "source": source,
  }


def test_skywork(tmp_path):
  rows = [
    conversations(),
    conversations("magpie_ultra"),
    conversations("wildguard", ("q", "x", "r", "a"), ("q", "x", "r", "b")),
  ]
  write_parquet(tmp_path / SHARD, rows)
  every = preference_sets.skywork(tmp_path)
  assert [one.subset for one in every.items] == [
    "helpsteer2",
    "magpie_ultra",
    "wildguard",
  ]
  kept = preference_sets.skywork(tmp_path, rm_r1=True)
  assert kept.notes == {"are of the source magpie_ultra, left out": 1}
  assert [one.uid for one in kept.items] == ["skywork-00000", "skywork-00002"]
  assert kept.items[1].conversation == (
    Message("user", "q"),
    Message("assistant", "x"),
    Message("user", "r"),
  )
  assert (right(kept.items[1]), wrong(kept.items[1])) == ("a", "b")


def test_what_is_no_comparison_is_left_out_and_counted(tmp_path):
  rows = [
    conversations(chosen=("q", "a"), rejected=("p", "b")),
    conversations(chosen=("q", "a"), rejected=("q", "x", "r", "b")),
    conversations(chosen=("q",), rejected=("q",)),
    conversations(chosen=(" ", "a"), rejected=(" ", "b")),
    conversations(),
  ]
  write_parquet(tmp_path / SHARD, rows)
  found = preference_sets.tulu3(tmp_path)
  assert [one.uid for one in found.items] == ["tulu3-000004"]
  assert found.notes == {
    "have conversations that part before the last answer, left out": 2,
    "have no query or no answer to it, left out": 1,
    "have a turn that says nothing, left out": 1,
  }


def test_a_source_may_be_missing_but_must_be_a_text(tmp_path):
  rows = [conversations(source=None), conversations()]
  write_parquet(tmp_path / SHARD, rows)
  found = preference_sets.tulu3(tmp_path).items
  assert [one.subset for one in found] == ["", "helpsteer2"]
  write_parquet(tmp_path / SHARD, [conversations(source=7)])
  with pytest.raises(ValueError, match="row 0: source=7 must be a text"):
    preference_sets.tulu3(tmp_path)


def test_names_count_over_the_parts_of_a_split(tmp_path):
  for part in range(2):
    name = f"data/train-{part:05d}-of-00002.parquet"
    write_parquet(tmp_path / name, [conversations(), conversations()])
  found = preference_sets.tulu3(tmp_path)
  assert [one.uid for one in found.items] == [
    f"tulu3-{place:06d}" for place in range(4)
  ]


def code_rows(count):
  return [
    {"input": f"q{n}", "accepted": f"a{n}", "rejected": f"r{n}"}
    for n in range(count)
  ]


def test_code_preference(tmp_path):
  write_parquet(tmp_path / SHARD, code_rows(3))
  found = preference_sets.code_preference(tmp_path)
  assert [(one.query, right(one), wrong(one)) for one in found.items] == [
    (f"q{n}", f"a{n}", f"r{n}") for n in range(3)
  ]
  with pytest.raises(ValueError, match="has 3 pairs, and RM-R1 takes 8000"):
    preference_sets.code_preference(tmp_path, rm_r1=True)


def test_rm_r1_takes_the_same_code(tmp_path):
  datasets = pytest.importorskip("datasets")
  rows = code_rows(8_100)
  write_parquet(tmp_path / SHARD, rows)
  shuffled = datasets.Dataset.from_list(rows).shuffle(seed=42)
  found = preference_sets.code_preference(tmp_path, rm_r1=True).items
  assert [one.query for one in found] == shuffled.select(range(8_000))["input"][
    :
  ]


def test_math_step_dpo(tmp_path):
  row = {
    "dataset": "gsm8k",
    "prompt": "q",
    "initial_reason_steps": "Step 1: one.\n",
    "chosen": "c",
    "rejected": "r",
    "full_chosen": "Step 2: right.",
    "full_rejected": "Step 2: wrong.",
    "answer": "2",
  }
  write_parquet(tmp_path / SHARD, [row])
  [found] = preference_sets.math_step_dpo(tmp_path).items
  assert right(found) == "Step 1: one.\nStep 2: right."
  assert wrong(found) == "Step 1: one.\nStep 2: wrong."


@pytest.mark.parametrize(
  ("read", "missing"),
  [
    (preference_sets.skywork, "chosen, rejected, source"),
    (preference_sets.tulu3, "chosen, rejected"),
    (preference_sets.code_preference, "accepted, rejected"),
    (preference_sets.math_step_dpo, "prompt, initial_reason_steps, full_cho"),
    (problems.webinstruct, "question, answer"),
  ],
)
def test_another_schema_is_refused(tmp_path, read, missing):
  write_parquet(tmp_path / SHARD, [{"input": "x", "output": "y"}])
  with pytest.raises(ValueError, match=f"no field {missing}.* published anew"):
    read(tmp_path)


def test_webinstruct(tmp_path):
  row = {
    "id": 1,
    "question": "How many?",
    "answer": "42",
    "answer_type": "Integer",
    "category": "Physics",
    "difficulty": "University",
  }
  write_parquet(tmp_path / SHARD, [row, {**row, "category": None}])
  first, second = problems.webinstruct(tmp_path).items
  assert (first.uid, first.question, first.answer, first.subset) == (
    "webinstruct-train-000000",
    "How many?",
    "42",
    "Physics",
  )
  assert second.subset == ""
