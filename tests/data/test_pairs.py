"""Pairs of sampled answers: what is dropped, what meets, what is held out."""

import json

import pytest

from rrm_jax.data import pairs, public_sets, readers
from rrm_jax.data.problems import Problem
from rrm_jax.data.samples import Sample

from .published import right, write_lines, wrong


def problem(number, answer="18", question=None):
  return Problem(f"p{number}", question or f"Question {number}?", answer)


def samples(*said):
  """Samples of (question number, text)."""
  return [
    Sample(f"s{place}", f"Question {number}?", text)
    for place, (number, text) in enumerate(said)
  ]


def test_by_hand():
  marked = pairs.mark(
    [
      problem(0),
      problem(1, "7"),
      problem(2),
      problem(3),
      problem(4),
      problem(5, ""),
      problem(6, question=" question  0?"),
      problem(7, "1"),
      problem(8, "2", "Question 7?"),
    ],
    samples(
      (0, "<think>it is 17</think>\n\nIt is #### 18"),
      (0, "It is\n#### 18"),
      (0, "It is  #### 18"),
      (0, "It is \\boxed{17}"),
      (0, "<think>so long"),
      (0, "well </think> "),
      (0, "I give up"),
      (1, "7"),
      (2, "19"),
      (3, "18"),
      (3, "eighteen is 18"),
      (5, "12"),
      (7, "1"),
      (9, "18"),
    ),
  )
  found = pairs.make(marked, balanced=False, test_share=0.0)
  assert found.report["questions"] == {
    "read": 9,
    "left_out": {
      "repeat a question": 2,
      "have two different references": 1,
      "have no answer": 1,
      "have a reference that cannot be read": 1,
      "have right answers only": 2,
      "have wrong answers only": 1,
    },
    "paired": 1,
  }
  assert found.report["answers"] == {
    "read": 14,
    "left_out": {
      "repeat an answer": 2,
      "end within their thought": 1,
      "are empty": 1,
      "are to a question whose reference cannot be read": 1,
      "are to none of the questions": 2,
    },
    "right": 4,
    "wrong": 2,
    "without_final_answer": 1,
  }
  assert found.report["pairs"] == {
    "possible": 2,
    "left_out": {},
    "train": 2,
    "test": 0,
  }
  assert {right(one) for one in found.train} == {"It is #### 18"}
  assert {wrong(one) for one in found.train} == {
    "It is \\boxed{17}",
    "I give up",
  }
  assert found.report["longer_is_right"]["test"] is None


def test_rows_are_read_back(tmp_path):
  marked = pairs.mark([problem(0)], samples((0, "#### 18"), (0, "#### 81")))
  (made,) = pairs.make(marked, test_share=0.0).train
  path = write_lines(tmp_path / "pairs.jsonl", [pairs.row(made)])
  (read,) = readers.read_jsonl(path)
  assert (read.uid, read.responses, read.label, read.conversation) == (
    made.uid,
    made.responses,
    made.label,
    made.conversation,
  )


def test_splits_share_no_question_with_the_named_sets(shared_data, monkeypatch):
  """What is held out of "gsm8k" is held out here."""
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  held = {one.query for one in public_sets.resolve("gsm8k/test")}
  learnt = {one.query for one in public_sets.resolve("gsm8k/train")}
  queries = sorted(held)[:40] + sorted(learnt)[:40]
  asked = [problem(i, question=query) for i, query in enumerate(queries)]
  said = [
    Sample(f"{query}/{text}", query, text)
    for query in queries
    for text in ("18", "19")
  ]
  found = pairs.make(pairs.mark(asked, said))
  assert {one.query for one in found.test} == held & set(queries)
  assert {one.query for one in found.train} == learnt & set(queries)


def test_nothing_to_pair():
  marked = pairs.mark([problem(0), problem(1)], samples((0, "18"), (1, "1")))
  with pytest.raises(
    ValueError, match=r"1 have right .*, 1 have wrong .*harder"
  ):
    pairs.make(marked)


def test_nothing_left():
  """The right answer is always the longer one."""
  marked = pairs.mark([problem(0)], samples((0, "It is 18"), (0, "19")))
  with pytest.raises(ValueError, match=r"of 1 questions .* 1 would make"):
    pairs.make(marked, test_share=0.0)
  assert pairs.make(marked, test_share=0.0, balanced=False).train


@pytest.mark.parametrize(
  "wrong_values", [{"per_question": -1}, {"test_share": 1.0}]
)
def test_values_that_make_no_sense(wrong_values):
  (name,) = wrong_values
  with pytest.raises(ValueError, match=f"{name}="):
    pairs.make(pairs.mark([], []), **wrong_values)


@pytest.mark.parametrize(
  ("response", "answer"),
  [
    ("no thought", "no thought"),
    ("<think>a</think> b", "b"),
    ("opened by the prompt</think>\nb", "b"),
    ("<think>a</think><think>b</think>c", "c"),
    ("<think>a", None),
  ],
)
def test_thoughts_are_taken_off(response, answer):
  assert pairs.without_thinking(response) == answer


def test_report_is_json():
  marked = pairs.mark([problem(0)], samples((0, "18"), (0, "19")))
  report = pairs.make(marked, test_share=0.0).report
  assert json.loads(json.dumps(report)) == report
