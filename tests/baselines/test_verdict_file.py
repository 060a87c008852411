"""Someone else's verdicts and scores."""

import json

import pytest

from rrm_jax.baselines import verdict_file
from rrm_jax.records import Comparison, Invalid, Message, Question


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
  reasons = {judgement.verdict.invalid for judgement in made}
  assert reasons == {None, Invalid.NO_WINNER}
  with pytest.raises(
    ValueError, match=r"no verdict on 'e' for sample 2 and .*--config.sampl"
  ):
    asked([question("b"), question("e", 2)])


def labelled(uid, label):
  query = (Message("user", "q"),)
  return Question(Comparison(uid, query, ("a", "b"), label), 0, False)


def test_the_chosen_one_is_where_its_label_is(tmp_path):
  scores = {"score_chosen": 0.5, "score_rejected": -1}
  asked = judge(
    tmp_path,
    {"id": "a", "winner": "chosen"},
    {"id": "b", "winner": "rejected"},
    {"id": "c", **scores},
    {"id": "d", **scores, "score_rejected": 2},
    {"id": "e", **scores, "score_rejected": 0.5},
  )
  for label, winners in ((1, [1, 2, 1, 2, None]), (2, [2, 1, 2, 1, None])):
    made = asked([labelled(uid, label) for uid in "abcde"])
    assert [one.verdict.winner for one in made] == winners
  assert asked([labelled("e", None)])[0].verdict.winner is None
  with pytest.raises(
    ValueError, match="the chosen response of 'c' won, and th"
  ):
    asked([labelled("c", None)])


def test_other_ids_are_shown(tmp_path):
  rows = [{"id": place, "winner": 1} for place in range(3)]
  with pytest.raises(
    ValueError, match=r"no row with the id 'llmbar-0'; its 3 ids .*as '0'\. Use"
  ):
    judge(tmp_path, *rows)([question("llmbar-0")])


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({"winner": 1}, "must be an object such as"),
    ([1], "must be an object such as"),
    ({"id": "a", "winner": 3}, "winner=3 must be 1 or 2"),
    ({"id": "a", "winner": "Tie"}, "winner='Tie' .* 0 or null for none or a"),
    ({"id": "a", "winner": True}, "winner=True must be 1 or 2"),
    ({"id": "a", "winner": 1, "swapped": 1}, "swapped=1 must be true"),
    ({"id": "a", "winner": 1, "sample": "0"}, "sample='0' must be a number"),
    ({"id": "a", "winner": 1, "text": 3}, "text=3 must be a text"),
    ({"id": "a", "winner": [1]}, r"winner=\[1\] must be 1 or 2"),
    ({"id": "a", "winner": 1.0}, r"winner=1.0 must be 1 or 2"),
    ({"id": "a", "score_1": 1}, "score_2=None; give"),
    ({"id": "a", "score_chosen": 1, "score_2": 1}, "score_rejected=None; give"),
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
