"""Each benchmark is read from small files of its published form."""

import collections
import json

import pytest

from rrm_jax.data import (
  judgebench,
  pandalm,
  rewardbench,
  rm_bench,
  rmb,
)
from rrm_jax.records import Message

from .published import (
  right,
  write_json,
  write_lines,
  write_parquet,
  wrong,
)


def test_rewardbench(tmp_path):
  row = {
    "prompt": "How?",
    "chosen": "so",
    "chosen_model": "m",
    "rejected": "no",
    "rejected_model": "n",
    "subset": "hep-go",
    "id": 7,
  }
  rows = [row, {**row, "subset": "math-prm"}]
  write_parquet(tmp_path / "data/filtered-00000-of-00001.parquet", rows)
  write_parquet(tmp_path / "data/raw-00000-of-00001.parquet", [row] * 5)
  first, second = rewardbench.read(tmp_path).items
  # An id may be that of a row of another subset, so it names none.
  assert (first.uid, second.uid) == ("rewardbench-0000", "rewardbench-0001")
  assert (first.query, right(first), wrong(first)) == ("How?", "so", "no")
  assert (first.subset, second.subset) == ("hep-go", "math-prm")
  assert first.source.endswith("filtered-00000-of-00001.parquet: row 0")


def rewardbench2(tmp_path):
  row = {"prompt": "q", "chosen": ["a"], "rejected": ["b", "c"]}
  tie = {"prompt": "q", "chosen": ["a", "b"], "rejected": ["c"]}
  rows = [
    {"id": "12", **row, "subset": "Math"},
    {"id": "tied:3", **tie, "subset": "Ties"},
  ]
  write_parquet(tmp_path / "data/test-00000-of-00001.parquet", rows)
  return tmp_path


def test_rewardbench2_groups(tmp_path):
  math, tied = rewardbench.read_groups(rewardbench2(tmp_path)).items
  assert math.uid == "rewardbench2-0000-12"
  assert tied.uid == "rewardbench2-0001-tied:3"
  assert tied.responses == ("a", "b", "c")
  assert tied.correct == (True, True, False)


def test_rewardbench2_pairs_leave_ties_out(tmp_path):
  found = rewardbench.read_pairs(rewardbench2(tmp_path))
  assert [(one.uid, right(one), wrong(one)) for one in found.items] == [
    ("rewardbench2-0000-12/0-1", "a", "b"),
    ("rewardbench2-0000-12/0-2", "a", "c"),
  ]
  assert found.notes == {
    "groups of the subset Ties are left out: they need ratings": 1
  }


def test_rm_bench(tmp_path):
  row = {
    "id": "12-3",
    "prompt": "q",
    "chosen": ["r0", "r1", "r2"],
    "rejected": ["w0", "w1", "w2"],
    "domain": "safety-refuse",
  }
  write_json(tmp_path / "data/total_dataset.json", [row])
  found = rm_bench.read(tmp_path).items
  assert [(one.uid, right(one), wrong(one)) for one in found] == [
    (f"rm-bench-0000-12-3/{i}-{j}", f"r{i}", f"w{j}")
    for i in range(3)
    for j in range(3)
  ]
  assert {one.label for one in found} == {1, 2}
  assert {one.subset for one in found} == {"safety-refuse"}


def test_rm_bench_may_have_an_id_in_two_domains(tmp_path):
  row = {"id": 1, "prompt": "q", "chosen": ["a"] * 3, "rejected": ["b"] * 3}
  rows = [{**row, "domain": "chat"}, {**row, "domain": "code"}]
  write_json(tmp_path / "total_dataset.json", rows)
  assert len({one.uid for one in rm_bench.read(tmp_path).items}) == 18


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"chosen": ["a", "b"]}, "chosen has 2 texts, must have 3"),
    ({"rejected": "abc"}, 'rejected="abc" must be a list of texts'),
  ],
)
def test_rm_bench_of_another_form(tmp_path, change, message):
  row = {"id": 1, "prompt": "q", "chosen": ["a"] * 3, "rejected": ["b"] * 3}
  write_json(tmp_path / "total_dataset.json", [{**row, "domain": "", **change}])
  with pytest.raises(ValueError, match=message):
    rm_bench.read(tmp_path)


def rmb_folder(tmp_path):
  asked = [{"role": "user", "content": "q", "language": "English"}]
  for goal in ("Helpfulness/Chat/Talk", "Harmlessness/S1"):
    pair = {
      "pair_uid": "1",
      "conversation_input": asked,
      "chosen": {"answer": "good", "score": 5.0},
      "reject": {"answer": "bad", "score": 1.0},
      "category_path": f"Pairwise_set/{goal}",
    }
    group = {
      "bon_uid": "1",
      "conversation_input": asked,
      "bon_best": {"answer": "best"},
      "loser_list": [{"answer": "worse"}, {"answer": "worst"}],
      "category_path": f"BoN_set/{goal}",
    }
    top = tmp_path / "RMB_dataset"
    write_json(top / f"Pairwise_set/{goal}.json", [pair])
    write_json(top / f"BoN_set/{goal}.json", [group])
  return tmp_path


def test_rmb(tmp_path):
  folder = rmb_folder(tmp_path)
  found = rmb.read(folder).items
  assert found == rmb.read(folder / "RMB_dataset").items
  assert len({one.uid for one in found}) == 6
  assert collections.Counter(one.subset for one in found) == {
    "Pairwise_set/Helpfulness/Chat/Talk": 1,
    "Pairwise_set/Harmlessness/S1": 1,
    "BoN_set/Helpfulness/Chat/Talk": 2,
    "BoN_set/Harmlessness/S1": 2,
  }
  grouped = [one for one in found if one.uid.startswith("rmb-BoN_set/Harm")]
  assert [(one.uid[-4:], right(one), wrong(one)) for one in grouped] == [
    ("/0-1", "best", "worse"),
    ("/0-2", "best", "worst"),
  ]
  assert grouped[0].conversation == (Message("user", "q"),)


def test_rmb_names_the_answer_that_is_missing(tmp_path):
  folder = rmb_folder(tmp_path)
  path = folder / "RMB_dataset/BoN_set/Harmlessness/S1.json"
  [row] = json.loads(path.read_text())
  write_json(path, [{**row, "loser_list": [{"answer": "a"}, {"answer": None}]}])
  with pytest.raises(ValueError, match=r"S1.json: row 0: loser_list\[1\] must"):
    rmb.read(folder)


def test_rmb_without_a_set(tmp_path):
  folder = rmb_folder(tmp_path)
  (folder / "RMB_dataset/BoN_set/Harmlessness/S1.json").unlink()
  with pytest.raises(ValueError, match="BoN_set/Harmlessness has no JSON file"):
    rmb.read(folder)


JUDGEBENCH = {
  "pair_id": "81ec",
  "original_id": "7",
  "source": "mmlu-pro-law",
  "question": "q",
  "response_model": "gpt-4o",
  "response_A": "a",
  "response_B": "b",
  "label": "B>A",
}


@pytest.mark.parametrize("form", ["GitHub", "Hugging Face"])
def test_judgebench(tmp_path, form):
  if form == "GitHub":
    name = "dataset=judgebench,response_model=gpt-4o-2024-05-13.jsonl"
    write_lines(tmp_path / "data" / name, [JUDGEBENCH])
  else:
    name = "data/gpt-00000-of-00001.parquet"
    write_parquet(tmp_path / name, [JUDGEBENCH])
  [found] = judgebench.read(tmp_path, "gpt").items
  assert (found.uid, found.label) == ("judgebench-81ec", 2)
  assert (found.responses, found.subset) == (("a", "b"), "mmlu-pro-law")
  with pytest.raises(ValueError, match="has no split 'claude'"):
    judgebench.read(tmp_path, "claude")


def test_judgebench_rows_are_checked(tmp_path):
  rows = [{**JUDGEBENCH, "label": "A=B"}, JUDGEBENCH, JUDGEBENCH]
  write_lines(tmp_path / "gpt.jsonl", rows)
  with pytest.raises(ValueError) as caught:
    judgebench.read(tmp_path, "gpt")
  _, label, repeated = str(caught.value).split("\n")
  assert label.endswith("gpt.jsonl:1: label='A=B' must be one of A>B, B>A")
  assert "gpt.jsonl:3: its name 'judgebench-81ec' is that of" in repeated


@pytest.mark.parametrize("field", ["source", "question", "response_B", "label"])
def test_fields_are_named_as_published(tmp_path, field):
  write_lines(tmp_path / "gpt.jsonl", [{**JUDGEBENCH, field: None}])
  with pytest.raises(
    ValueError, match=f"gpt.jsonl:1: {field}=null must be a text"
  ):
    judgebench.read(tmp_path, "gpt")


def test_pandalm_is_whole(shared_data):
  found = pandalm.read(shared_data / "pandalm")
  labels = collections.Counter(one.label for one in found.items)
  assert labels == {2: 472, 1: 422, None: 105}
  assert found.notes == {
    "have an empty answer": 54,
    "have an answer that is a boolean, written out as a text": 6,
    "are a tie for the annotators, so have no label": 105,
  }
  known = {one.uid: one for one in found.items}
  assert known["pandalm-0157"].responses[0] == "True"
  instruction, told = known["pandalm-0000"].query.split("\n\n")
  assert instruction.startswith("The sentence you are given might be too wordy")
  assert told.startswith("If you have any questions about my rate")
