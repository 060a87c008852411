"""Sets of answers whose correctness is known: PPE, HumanEvalPack, groups."""

import collections
import dataclasses

import pytest

from rrm_jax.data import (
  groups,
  humanevalpack,
  pandalm,
  ppe,
)
from rrm_jax.records import Candidates, Message

from .published import (
  chat,
  right,
  write_json,
  write_parquet,
  wrong,
)


def test_pandalm_majority():
  assert pandalm.majority([1, 1, 2]) == 1
  assert pandalm.majority([0, 2, 0]) == 0
  with pytest.raises(ValueError, match=r"\[0, 1, 2\] have no majority"):
    pandalm.majority([0, 1, 2])
  with pytest.raises(ValueError, match="annotator=3 must be one of"):
    pandalm.majority([1, 1, 3])


def ppe_row(**change):
  answers = {f"response_{n + 1}": f"answer {n}" for n in range(4)}
  return {
    "prompt": "Think. Question: Which? Question: yes?",
    **answers,
    "scores": [0, 1, 0, 1],
    "sampled_conflict_pairs": [[0, 1], [3, 2], [0, 1]],
    **change,
  }


def write_ppe(tmp_path, *rows):
  write_parquet(tmp_path / "data/train-00000-of-00001.parquet", list(rows))
  return tmp_path


def test_ppe_pairs(tmp_path):
  found = ppe.read(write_ppe(tmp_path, ppe_row()), "mmlu-pro").items
  assert [(one.uid, right(one), wrong(one)) for one in found] == [
    ("ppe-mmlu-pro-000/0/1-0", "answer 1", "answer 0"),
    ("ppe-mmlu-pro-000/1/3-2", "answer 3", "answer 2"),
    ("ppe-mmlu-pro-000/2/1-0", "answer 1", "answer 0"),
  ]
  assert {one.query for one in found} == {"Which? Question: yes?"}
  assert {one.subset for one in found} == {"MMLU-Pro"}


def test_ppe_pairs_of_the_rrm_paper_are_taken(tmp_path):
  write_ppe(tmp_path, ppe_row())
  write_json(tmp_path / "extracted_conflict_pairs.json", [[[2, 3]]])
  [found] = ppe.read(tmp_path, "gpqa").items
  assert (found.uid, found.query) == (
    "ppe-gpqa-000/0/3-2",
    ": Which? Question: yes?",
  )


def test_ppe_groups(tmp_path):
  folder = write_ppe(tmp_path, ppe_row(prompt="Do. <problem> 1+1 </problem>"))
  [group] = ppe.read_groups(folder, "math").items
  assert group.correct == (False, True, False, True)
  assert group.conversation[-1].content == "1+1 </problem>"
  assert group.responses[3] == "answer 3"


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"prompt": "Which?"}, "prompt has no 'Question:', after which"),
    ({"scores": [0.5, 0, 0, 1]}, r"scores=\[0.5, .* must be a list of 0 and 1"),
    ({"scores": [[0], [1]]}, "must be a list of 0 and 1"),
    ({"scores": [0, 1, 0, 1, 1]}, "no field response_5"),
    ({"sampled_conflict_pairs": [[0, 2]]}, r"\[0, 2\] has .* both wrong"),
    ({"sampled_conflict_pairs": [[0, 4]]}, r"\[0, 4\] must be two .* 0 to 3"),
    ({"sampled_conflict_pairs": None}, "sampled_conflict_pairs has None here"),
  ],
)
def test_ppe_of_another_form(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    ppe.read(write_ppe(tmp_path, ppe_row(**change)), "mmlu-pro")


def test_ppe_with_pairs_for_fewer_rows(tmp_path):
  write_ppe(tmp_path, ppe_row(), ppe_row())
  write_json(tmp_path / "extracted_conflict_pairs.json", [[[2, 3]]])
  with pytest.raises(ValueError, match=r"row 1: .* has pairs for 1 rows only"):
    ppe.read(tmp_path, "mmlu-pro")


def test_humanevalpack_is_whole(shared_data):
  found = humanevalpack.read(shared_data / "humanevalpack")
  assert not found.notes
  assert collections.Counter(one.subset for one in found.items) == {
    f"hep-{language}": 164 for language in humanevalpack.LANGUAGES
  }
  first = next(one for one in found.items if one.subset == "hep-python")
  assert first.query.startswith("Write a Python function `has_close_elements(")
  assert "distance = abs(elem - elem2)" in right(first)
  assert "distance = elem - elem2" in wrong(first)
  assert right(first).startswith("from typing import List\n")


def test_humanevalpack_without_a_language(tmp_path):
  with pytest.raises(
    ValueError, match=r"has no cpp\.jsonl or data/cpp/data/hu"
  ):
    humanevalpack.read(tmp_path)


GROUP = Candidates(
  uid="g",
  conversation=tuple(Message(**turn) for turn in chat("q")),
  responses=("a", "b", "c", "d"),
  correct=(False, True, True, False),
  subset="s",
  source="here",
)


def test_comparisons_of_a_group():
  found = groups.comparisons(GROUP)
  assert [(one.uid, right(one), wrong(one)) for one in found] == [
    ("g/1-0", "b", "a"),
    ("g/1-3", "b", "d"),
    ("g/2-0", "c", "a"),
    ("g/2-3", "c", "d"),
  ]
  assert {(one.subset, one.source) for one in found} == {("s", "here")}


def test_right_answers_come_first_half_of_the_time():
  labels = [
    one.label
    for place in range(200)
    for one in groups.comparisons(dataclasses.replace(GROUP, uid=f"g{place}"))
  ]
  # 800 coins: three standard deviations are 42.
  assert abs(labels.count(1) - 400) < 43


def test_a_group_without_marks_has_no_comparisons():
  with pytest.raises(ValueError, match="group 'g' does not say which answers"):
    groups.comparisons(dataclasses.replace(GROUP, correct=None))
