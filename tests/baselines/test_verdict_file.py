"""Someone else's verdicts and scores."""

import json

import pytest

from rrm_jax.baselines import verdict_file
from rrm_jax.records import Comparison, Message, Question


def question(uid, sample_id=0, swapped=False):
  query = (Message("user", "q"),)
  return Question(Comparison(uid, query, ("a", "b"), 1), sample_id, swapped)


def judge(folder, *rows):
  path = folder / "verdicts.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return verdict_file.judge(path)


def test_by_hand(tmp_path):
  asked = judge(
    tmp_path,
    {"id": "a", "winner": 1, "swapped": False, "text": "because"},
    {"id": "a", "winner": 2, "swapped": True},
    {"id": "b", "winner": 2},
    {"id": 3, "score_1": 0.25, "score_2": -1},
    {"id": "d", "score_1": 1, "score_2": 1.0},
    {"id": "e", "winner": 0, "sample": 0},
    {"id": "e", "winner": 1, "sample": 1},
  )
  made = asked(
    [
      question("a"),
      question("a", 5, True),
      question("b", 1, True),
      question("3"),
      question("d"),
      question("e"),
      question("e", 1),
    ]
  )
  winners = [judgement.verdict.winner for judgement in made]
  assert winners == [1, 2, 2, 1, None, None, 1]
  assert made[0].text == "because"
  assert (made[1].uid, made[1].sample_id, made[1].swapped) == ("a", 5, True)
  with pytest.raises(ValueError, match="no verdict on 'e' for sample 2"):
    asked([question("b"), question("e", 2)])


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({"winner": 1}, "must be an object such as"),
    ([1], "must be an object such as"),
    ({"id": "a", "winner": 3}, "winner=3 must be 1, 2"),
    ({"id": "a", "winner": True}, "winner=True must be 1, 2"),
    ({"id": "a", "winner": 1, "swapped": 1}, "swapped=1 must be true"),
    ({"id": "a", "winner": 1, "sample": "0"}, "sample='0' must be a number"),
    ({"id": "a", "score_1": 1}, "score_2=None; give"),
    ({"id": "a", "score_1": 1, "score_2": float("nan")}, "score_2=nan"),
    ({"id": "ok", "winner": 1}, "answered before"),
  ],
)
def test_bad_rows(tmp_path, row, message):
  with pytest.raises(ValueError, match=rf"1 rows of .*\n.*:2: .*{message}"):
    judge(tmp_path, {"id": "ok", "winner": 2}, row)


def test_no_file(tmp_path):
  with pytest.raises(ValueError, match="cannot be read: No such file"):
    verdict_file.judge(tmp_path / "none.jsonl")
  with pytest.raises(ValueError, match="has no verdicts"):
    judge(tmp_path)
