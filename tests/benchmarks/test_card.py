"""Every score of a run, as rows."""

import csv
import io

import pytest

from rrm_jax.benchmarks import card
from rrm_jax.benchmarks.outcomes import Outcome
from tests.benchmarks.test_protocol import judged

HEAD = {"name": "rewardbench", "samples": 3, "invalid_score": 0.5}


def test_a_benchmark_has_a_row_for_each_part_and_rule():
  scored = card.scores(
    "rewardbench", judged("rewardbench", 1, None), 3, both=True, invalid=0.25
  )
  rows = card.rows({**HEAD, **scored, "invalid_score": 0.25})
  found = {
    (row["votes"], row["rule"], row["invalid_rule"]): row["accuracy"]
    for row in rows
    if row["name"] == "Chat Hard"
  }
  published = {"RRM: a missing verdict is 0.5", "RM-R1: a missing verdict is 0"}
  assert found == {
    (votes, *rule): accuracy
    for votes in (1, 3)
    for rule, accuracy in [
      *((("published", invalid), 1.0) for invalid in published),
      (("both orders", "a missing verdict is 0.25"), 0.625),
    ]
  }
  # Whole, four sections, 23 subsets; three rules; votes apart and together.
  assert len(rows) == (1 + 4 + 23) * 3 * 2
  assert {row["data"] for row in rows} == {"rewardbench"}


def test_further_measures_are_rows_too():
  outcomes = [Outcome("a", 1, 1), Outcome("b", 0, 2)]
  scored = card.scores("pandalm", outcomes, 1, both=False, invalid=0.5)
  report = {**HEAD, "name": "pandalm", **scored}
  rows = {row["name"]: row for row in card.measures(report)}
  assert rows["ties"]["accuracy"] == 1
  assert rows["all: accuracy"]["accuracy"] == 0.5
  # Class 1 is right, 2 was never to be, 0 is missed: F1 is 1, 0 and 0.
  assert rows["all: f1"]["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
  assert rows["without_ties: f1"]["accuracy"] == 0.5
  [*_, last] = csv.DictReader(io.StringIO(card.as_csv(rows.values())))
  assert (last["rule"], last["low"]) == (card.MEASURE, "")


def test_a_rule_of_ours_is_not_called_published():
  scored = card.scores(
    "gsm8k", judged("gsm8k", 1, 1), 1, both=True, invalid=0.5
  )
  rules = {row["rule"] for row in card.rows({**HEAD, **scored})}
  assert rules == {"our rule", "both orders"}


def test_votes_in_mixed_orders_are_one_election():
  outcomes = [
    Outcome("a", 1, 1, swapped=False),
    Outcome("a", 1, 2, swapped=True),
    Outcome("a", 1, 2, swapped=True),
  ]
  scored = card.scores("gsm8k", outcomes, 3, both=False, invalid=0.5)
  assert scored["voted"]["published"][0]["overall"] == 0
  assert scored["voted"]["both_orders"] is None
  assert scored["benchmark"]["published"][0]["overall"] == 0.3333


def test_one_vote_has_no_majority():
  scored = card.scores(
    "gsm8k", judged("gsm8k", 1, 1), 1, both=True, invalid=0.5
  )
  assert scored["voted"] is None


def test_other_data_has_the_plain_mean():
  row = {"accuracy": 0.5, "low": 0.4, "high": 0.6}
  row |= {"comparisons": 9, "unlabelled": 2}
  report = {
    **HEAD,
    **row,
    "benchmark": None,
    "voted": None,
    "subsets": [{"subset": "a, b", **row}, {"subset": "", **row}],
  }
  rows = card.rows(report)
  assert [r["name"] for r in rows] == ["overall", "a, b"]
  assert all(r["rule"] == "mean over judgements" for r in rows)
  read = list(csv.DictReader(io.StringIO(card.as_csv(rows))))
  assert tuple(read[0]) == card.FIELDS
  assert read[1]["name"] == "a, b" and read[1]["counted"] == "7"
