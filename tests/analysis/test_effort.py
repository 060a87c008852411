"""What tokens buy, and what they go to."""

import json

import pytest

from rrm_jax.analysis import effort

from .judged import ballots, comparison, judgement


def test_votes_cost_their_tokens():
  known = [comparison("a"), comparison("b")]
  judged = ballots("a", [1, 1, 2]) + ballots("b", [1, 1, 1])
  rows = effort.by_votes(judged, known, [1, 3])
  assert [row["tokens"] for row in rows] == [12.0, 36.0]  # 10 thought, 2 more
  assert [row["accuracy"] for row in rows] == [0.8333, 1.0]


def test_right_per_1000_tokens():
  known = [comparison("a"), comparison("b"), comparison("c", None)]
  judged = [
    judgement("a", 1, thinking=498),
    judgement("b", 2, thinking=498),
    judgement("c", 1, thinking=9_000),
  ]
  assert effort.right_per_1000_tokens(judged, known) == 1.0
  assert effort.right_per_1000_tokens(judged[2:], known) is None


def test_by_thought_golden():
  known = [comparison(f"{i}") for i in range(6)]
  judged = [
    judgement("0", 1, thinking=10),
    judgement("1", 1, thinking=12),
    judgement("2", 1, thinking=20),
    judgement("3", None, thinking=30),
    judgement("4", 2, thinking=40),
    judgement("5", 2, thinking=50),
  ]
  rows = effort.by_thought(judged, known, parts=2)
  assert [row["thinking_tokens"] for row in rows] == [14.0, 40.0]
  assert [row["accuracy"] for row in rows] == [1.0, 0.1667]
  assert [row["judgements"] for row in rows] == [3, 3]
  assert effort.by_thought(judged, known, parts=2, invalid=0)[1][
    "accuracy"
  ] == (0.0)
  assert json.loads(json.dumps(rows)) == rows


def test_thoughts_of_one_length_are_one_share():
  known = [comparison(f"{i}") for i in range(6)]
  judged = [judgement(c.uid, thinking=7) for c in known]
  assert [row["judgements"] for row in effort.by_thought(judged, known)] == [6]
  assert effort.by_thought([judgement("a")], [comparison("a", None)]) == []


def test_harder_is_thought_about_for_longer():
  known = [comparison("easy"), comparison("even"), comparison("hard")]
  judged = [
    judgement(uid, winner, place, thinking=tokens)
    for uid, winners, tokens in (
      ("easy", (1, 1, 1, 1), 10),
      ("even", (1, 1, 2, None), 20),
      ("hard", (2, 2, 2, 2), 30),
    )
    for place, winner in enumerate(winners)
  ]
  found = effort.by_agreement(judged, known)
  assert found["spearman"] == 1.0
  assert [row["wrong"] for row in found["levels"]] == [0.0, 0.375, 1.0]
  assert [row["thinking_tokens"] for row in found["levels"]] == [10, 20, 30]


def test_spans_begin_where_they_say():
  """One of five votes wrong is no longer the easiest span."""
  known = [comparison(f"{wrong}") for wrong in range(6)]
  judged = [
    one
    for wrong in range(6)
    for one in ballots(f"{wrong}", [2] * wrong + [1] * (5 - wrong))
  ]
  levels = effort.by_agreement(judged, known)["levels"]
  assert [row["wrong"] for row in levels] == [0.0, 0.2, 0.4, 0.6, 0.9]


def test_one_vote_tells_no_difficulty():
  found = effort.by_agreement([judgement("a")], [comparison("a")])
  assert found == {"levels": [], "spearman": None}
  same = ballots("a", [1, 1]) + ballots("b", [1, 1])
  found = effort.by_agreement(same, [comparison("a"), comparison("b")])
  assert found["spearman"] is None
  assert found["levels"][0]["comparisons"] == pytest.approx(2)
