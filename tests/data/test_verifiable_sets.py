"""Questions with references, and sampled answers, by name or by path."""

import pytest

from rrm_jax.data import verifiable_sets

from .published import write_lines


def test_named_sets(shared_data, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  train = verifiable_sets.find_problems("gsm8k/train").items
  test = verifiable_sets.find_problems("gsm8k/test").items
  assert (len(train), len(test)) == (7473, 1319)
  assert (train[0].uid, train[0].answer) == ("gsm8k-train-0000", "72")
  released = verifiable_sets.find_samples("gsm8k/solutions").items
  tora = verifiable_sets.find_samples("tora").items
  assert (len(released), len(tora)) == (4 * 1319, 2 * 1319)
  questions = {one.question for one in test}
  assert {one.question for one in released + tora} == questions
  assert not any("<<" in one.response for one in released)


def test_files_of_ones_own(tmp_path):
  path = write_lines(
    tmp_path / "mine.jsonl",
    [
      {"id": 7, "query": "2 + 2?", "answer": 4, "candidates": ["4", "5"]},
      {"question": "1 + 1?", "answer": "2", "response": "3", "subset": "easy"},
    ],
  )
  first, second = verifiable_sets.find_problems(str(path)).items
  assert (first.uid, first.question, first.answer) == ("7", "2 + 2?", "4")
  assert (second.uid, second.subset) == ("mine-000001", "easy")
  said = verifiable_sets.find_samples(str(path)).items
  assert [(one.question, one.response) for one in said] == [
    ("2 + 2?", "4"),
    ("2 + 2?", "5"),
    ("1 + 1?", "3"),
  ]
  assert said[1].uid == f"{path}:1/1"


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({"answer": "4"}, "neither of query and question"),
    ({"query": "a", "question": "b", "answer": "4"}, "both of query and"),
    ({"query": "a"}, "no field answer"),
    ({"query": "a", "answer": None}, "answer=null must be a text"),
  ],
)
def test_bad_problems(tmp_path, row, message):
  path = write_lines(tmp_path / "mine.jsonl", [row])
  with pytest.raises(ValueError, match=rf"mine.jsonl:1: .*{message}"):
    verifiable_sets.find_problems(str(path))


def test_bad_samples(tmp_path):
  path = write_lines(tmp_path / "mine.jsonl", [{"query": "a", "code": ["b"]}])
  with pytest.raises(ValueError, match="neither of candidates and response"):
    verifiable_sets.find_samples(str(path))


def test_no_such_set(tmp_path, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(tmp_path))
  with pytest.raises(ValueError, match="one of gsm8k/train, gsm8k/test, webi"):
    verifiable_sets.find_problems("gsm9k")
  with pytest.raises(
    ValueError, match=r"hf download TIGER.* \S*/webinstruct\n"
  ):
    verifiable_sets.find_problems("webinstruct")
  (tmp_path / "tora_gsm8k").mkdir()
  with pytest.raises(ValueError, match=r"has no \*.jsonl"):
    verifiable_sets.find_samples("tora")
