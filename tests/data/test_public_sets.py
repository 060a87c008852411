"""Sets by their names: every one is read from a folder of its form."""

import json
import logging

import pytest

from rrm_jax.benchmarks import protocol
from rrm_jax.data import candidate_sets, public_sets
from tests.benchmarks import test_against_data as small

from .published import write_json, write_parquet


def test_resolve_reads_a_file(tmp_path):
  path = tmp_path / "rows.jsonl"
  row = {"query": "q", "response_1": "a", "response_2": "b", "label": 1}
  path.write_text(json.dumps(row))
  [found] = public_sets.resolve(str(path))
  assert found.responses == ("a", "b")
  path.write_text("{}")
  with pytest.raises(ValueError, match="1 of 1 rows") as caught:
    public_sets.resolve(str(path))
  assert "names" not in str(caught.value)


def test_resolve_names_what_it_knows():
  with pytest.raises(
    ValueError,
    match=r"llmbr cannot be read.* names rewardbench, .*llmbar",
  ):
    public_sets.resolve("llmbr")


@pytest.mark.parametrize("spec", ["llmbar", "gsm8k/test", "rewardbench"])
def test_resolve_names_the_variable(monkeypatch, tmp_path, spec):
  monkeypatch.delenv("RRM_SHARED", raising=False)
  with pytest.raises(ValueError, match="RRM_SHARED names, and it is not set"):
    public_sets.resolve(spec)
  monkeypatch.setenv("RRM_SHARED", str(tmp_path / "none"))
  with pytest.raises(ValueError, match=r"RRM_SHARED names, and it is '.*none'"):
    public_sets.resolve(spec)
  monkeypatch.setenv("RRM_SHARED", str(tmp_path))
  with pytest.raises(ValueError, match=rf"{spec}' is not there.* Fetch it"):
    public_sets.resolve(spec)


@pytest.mark.parametrize("name", [*public_sets.SETS])
def test_a_set_that_is_not_there_says_how_to_fetch_it(tmp_path, name):
  with pytest.raises(ValueError) as caught:
    public_sets.resolve(f"{name}={tmp_path / 'none'}")
  message = str(caught.value)
  assert message.startswith(f"the data set {name!r} is not there")
  assert message.endswith(
    f"{tmp_path / 'none'}\nor say where it is with {name}=FOLDER"
  )
  assert "\n  hf download " in message or "\n  git clone " in message


def test_a_folder_that_is_there_keeps_its_own_error(tmp_path):
  with pytest.raises(ValueError, match="has no split 'filtered'") as caught:
    public_sets.resolve(f"rewardbench={tmp_path}")
  assert "Fetch" not in str(caught.value)


def test_every_benchmark_has_a_protocol():
  names = {name.partition("/")[0] for name in public_sets.BENCHMARKS}
  assert names == set(protocol.PROTOCOLS)


def test_a_name_with_a_folder(tmp_path):
  row = {"prompt": "q", "chosen": "a", "rejected": "b", "subset": "hep-go"}
  write_parquet(tmp_path / "data/filtered-00000-of-00001.parquet", [row])
  [found] = public_sets.resolve(f"rewardbench={tmp_path}")
  assert found.subset == "hep-go"


def test_a_benchmark_of_parts_is_read_as_one(tmp_path):
  for part, marker in (
    ("mmlu-pro", "Question:"),
    ("math", "<problem>"),
    ("gpqa", "Question"),
  ):
    row = {
      "prompt": f"Think. {marker} one?",
      "response_1": "a",
      "response_2": "b",
      "scores": [1, 0],
      "sampled_conflict_pairs": [[0, 1]],
    }
    write_parquet(tmp_path / part / "data/train-00000-of-00001.parquet", [row])
  found = public_sets.resolve(f"ppe={tmp_path}")
  assert [one.subset for one in found] == ["MMLU-Pro", "MATH", "GPQA"]
  assert public_sets.resolve(f"ppe/math={tmp_path / 'math'}") == found[1:2]


def test_what_one_should_know_is_logged(tmp_path, caplog):
  annotators = {f"annotator{i}": 0 for i in (1, 2, 3)}
  row = {"idx": 7, "instruction": "i", "input": "", "response1": True}
  write_json(
    tmp_path / "testset-v1.json", [{**row, "response2": "", **annotators}]
  )
  with caplog.at_level(logging.INFO):
    public_sets.resolve(f"pandalm={tmp_path}")
  name = f"pandalm={tmp_path}"
  assert sorted(caplog.messages) == [
    f"{name}: 1 are a tie for the annotators, so have no label",
    f"{name}: 1 have an answer that is a boolean, written out as a text",
    f"{name}: 1 have an empty answer",
    f"{name}: 1 have no label",
    f"{name}: 1 of pandalm's 999 comparisons are there",
  ]


def test_what_one_should_know_of_a_file(tmp_path):
  path = tmp_path / "rows.jsonl"
  row = {"query": "q", "response_1": "a", "response_2": "a", "label": 1}
  path.write_text((json.dumps(row) + "\n") * 10)
  notes = public_sets.read(str(path)).notes
  assert notes.pop("have answers that are the same") == 10
  assert notes.pop("repeat the texts of another") == 9
  [label] = notes
  assert label.startswith("have the label 1, as all do")


def test_a_file_may_have_empty_answers_as_published_sets_do(tmp_path):
  path = tmp_path / "rows.jsonl"
  row = {"query": "q", "response_1": "a", "response_2": " ", "label": 1}
  path.write_text(json.dumps(row))
  found = public_sets.read(str(path))
  assert found.items[0].responses == ("a", " ")
  assert found.notes == {"have an empty answer": 1}


def test_files_of_a_set(tmp_path):
  row = {"prompt": "q", "chosen": "a", "rejected": "b", "subset": "hep-go"}
  path = tmp_path / "data/filtered-00000-of-00001.parquet"
  write_parquet(path, [row])
  (tmp_path / "README.md").touch()
  assert public_sets.files(f"rewardbench={tmp_path}") == [path]
  assert public_sets.files(str(path)) == [path]
  (tmp_path / "math").mkdir()
  write_json(tmp_path / "math" / "train.json", [])
  assert public_sets.files(f"ppe={tmp_path}") == [tmp_path / "math/train.json"]


def test_groups_by_name(tmp_path):
  row = {
    "id": "3",
    "prompt": "q",
    "chosen": ["a"],
    "rejected": ["b", "c", "d"],
    "subset": "Focus",
  }
  write_parquet(tmp_path / "test.parquet", [row])
  [group] = public_sets.groups(f"rewardbench2={tmp_path}").items
  assert group.responses == ("a", "b", "c", "d")
  assert group.correct == (True, False, False, False)
  with pytest.raises(
    ValueError, match="'llmbar' has no groups of candidates; t"
  ):
    public_sets.groups("llmbar")


def test_groups_of_all_parts_of_a_benchmark(tmp_path):
  small.write_ppe(tmp_path)
  found = public_sets.groups(f"ppe={tmp_path}").items
  assert [group.subset for group in found] == ["MMLU-Pro", "MATH", "GPQA"]
  assert len({group.uid for group in found}) == 3
  assert candidate_sets.resolve(f"ppe={tmp_path}") == found
