"""The published rule and the honest one, for every benchmark."""

import json

import numpy as np
import pytest

from rrm_jax.benchmarks import (
  gsm8k,
  humanevalpack,
  judgebench,
  ppe,
  protocol,
  rewardbench,
  rmb,
)
from rrm_jax.benchmarks.outcomes import Outcome, Value
from rrm_jax.records import Comparison, Message

# Names of comparisons that each benchmark can count, with their subsets.
PAIRS = {
  "rewardbench": [
    (f"{name}-{i}", name)
    for counts in rewardbench.SECTIONS.values()
    for name in counts
    for i in range(2)
  ],
  "rewardbench2": [("m/0-1", "Math"), ("m/0-2", "Math"), ("f/0-1", "Focus")],
  "pandalm": [("p0", ""), ("p1", "")],
  "ppe": [("math-0/3-1", "MATH"), ("math-0/3-2", "MATH"), ("g/1-0", "GPQA")],
  "rm-bench": [
    (f"{domain}/{i}-{j}", domain)
    for domain in ("chat", "math", "code", "safety-refuse")
    for i in range(3)
    for j in range(3)
  ],
  "rmb": [(f"{name}/{i}/0-{i}", name) for name in rmb.SETS for i in (1, 2)],
  "judgebench": [("j0", "livebench-math"), ("j1", "mmlu-pro-law")],
  "llmbar": [("n", "natural"), ("a", "adversarial/manual")],
  "humanevalpack": [("cpp-0", "cpp"), ("go-0", "go")],
  "gsm8k": [("gsm8k-0000-0-1", ""), ("gsm8k-0000-0-2", "")],
}


def judged(name, given, swapped=None):
  """Outcomes with these winners where response 1 is the better one."""
  return [
    Outcome(uid, 1, winner, is_swapped, subset)
    for uid, subset in PAIRS[name]
    for is_swapped, winner in ((False, given), (True, swapped))
    if winner != "not shown"
  ]


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_right_wrong_and_flipping_judges(name):
  right = protocol.report(name, judged(name, 1, 1), 0.5)
  wrong = protocol.report(name, judged(name, 2, 2), 0.5)
  first = protocol.report(name, judged(name, 1, 2), 0.5)
  assert [row["overall"] for row in right["published"]] == [1, 1]
  assert [row["overall"] for row in wrong["published"]] == [0, 0]
  assert right["both_orders"]["overall"] == 1
  assert wrong["both_orders"]["overall"] == 0
  # Always the one shown first: half of the time right.
  assert first["both_orders"]["overall"] == 0.5
  published = {"judgebench": 0, "llmbar": 0.5}.get(name, 1)
  assert first["published"][0]["overall"] == published
  assert json.loads(json.dumps(right, allow_nan=False)) == right


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_missing_verdicts(name):
  report = protocol.report(name, judged(name, None, None), 0.5)
  half, none = (row["overall"] for row in report["published"])
  assert none == 0
  whole = {"rewardbench2": 0, "rmb": 0.25, "pandalm": 0, "judgebench": 0}
  assert half == whole.get(name, 0.5)


def drawn(name, votes=3):
  """So many outcomes of each comparison in each order, right by lot."""
  rng = np.random.default_rng(0)
  return [
    one._replace(winner=(1, 1, 1, 2, None)[rng.integers(5)])
    for one in judged(name, 1, 1)
    for _ in range(votes)
  ]


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_votes_are_scored_alone_and_averaged(name):
  rows = drawn(name)
  whole = protocol.report(name, rows)
  parts = [protocol.report(name, rows[place::3]) for place in range(3)]
  for rule in (0, 1):
    found = whole["published"][rule]
    alone = [part["published"][rule] for part in parts]
    assert found["overall"] == pytest.approx(
      np.mean([part["overall"] for part in alone]), abs=1e-4
    )
    assert found["counted"] == alone[0]["counted"]
  assert whole["both_orders"]["overall"] == pytest.approx(
    np.mean([part["both_orders"]["overall"] for part in parts]), abs=1e-4
  )


def test_one_vote_of_three_on_a_whole_group_is_a_third():
  # Of each pair two votes are right, but only the last on both together.
  votes = {"m/0-1": (1, 2, 1), "m/0-2": (2, 1, 1)}
  outcomes = [
    Outcome(uid, 1, winner, subset="Math")
    for uid, winners in votes.items()
    for winner in winners
  ]
  found = protocol.report("rewardbench2", outcomes)["published"][0]
  assert found["overall"] == pytest.approx(1 / 3, abs=1e-4)


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_one_order_has_no_honest_score(name):
  report = protocol.report(name, judged(name, 1, "not shown"), 0.5)
  assert report["both_orders"] is None
  assert report["published"][0]["overall"] == 1


@pytest.mark.parametrize("name", ["judgebench", "llmbar"])
def test_a_rule_for_both_orders_says_that_one_is_missing(name):
  whole = protocol.report(name, judged(name, 1, 1))
  part = protocol.report(name, judged(name, 1, 1)[:-1])
  assert whole["order"] == "both"
  assert "not all was shown in both" in part["order"]


def test_one_comparison_in_one_order_leaves_no_honest_score():
  outcomes = judged("rewardbench", 1, 1)
  assert protocol.report("rewardbench", outcomes)["both_orders"]
  assert protocol.report("rewardbench", outcomes[:-1])["both_orders"] is None


def test_the_invalid_rules_are_named():
  rows = protocol.report("gsm8k", judged("gsm8k", 1, 1), 0.5)["published"]
  assert [row["invalid_rule"] for row in rows] == [
    "RRM: a missing verdict is 0.5",
    "RM-R1: a missing verdict is 0",
  ]


def test_a_group_right_in_one_order_counts_half():
  # Each order has a group that is right, and half of its pairs is not enough.
  outcomes = [
    Outcome("m/0-1", 1, 1, False, "Math"),
    Outcome("m/0-2", 1, 1, False, "Math"),
    Outcome("m/0-1", 1, 1, True, "Math"),
    Outcome("m/0-2", 1, 2, True, "Math"),
  ]
  assert protocol.report("rewardbench2", outcomes, 0.5)["both_orders"][
    "overall"
  ] == pytest.approx(0.5)


def test_judgebench_nets_the_verdicts():
  outcomes = [
    # Right and no verdict: right. Right and wrong: not. None: not.
    Outcome("a", 1, 1, False, "Math"),
    Outcome("a", 1, None, True, "Math"),
    Outcome("b", 1, 1, False, "Math"),
    Outcome("b", 1, 2, True, "Math"),
    Outcome("c", 2, None, False, "Coding"),
    Outcome("c", 2, None, True, "Coding"),
  ]
  values = judgebench.netted(outcomes, 0.5)
  assert [value.points for value in values] == [1, 0, 0]
  assert judgebench.details(outcomes) == {
    "all_right": 0.0,
    "all_wrong": 0.3333,
  }


@pytest.mark.parametrize(
  ("source", "category"),
  [
    ("mmlu-pro-computer science", "Knowledge"),
    ("livebench-reasoning", "Reasoning"),
    ("livebench-math", "Math"),
    ("livecodebench", "Coding"),
  ],
)
def test_categories_of_judgebench(source, category):
  assert judgebench.category(source) == category


def test_an_unknown_category_is_refused():
  with pytest.raises(ValueError, match="source='arena' must begin with"):
    judgebench.category("arena")


def test_parts_have_the_protocol_of_the_whole():
  assert protocol.find("ppe/math").title == "PPE correctness"
  with pytest.raises(ValueError, match="'rewardbanch' is no benchmark; the"):
    protocol.find("rewardbanch")


def comparisons(name):
  query = (Message("user", "q"),)
  return [
    Comparison(uid, query, ("a", "b"), 1, subset) for uid, subset in PAIRS[name]
  ]


@pytest.mark.parametrize("name", protocol.PROTOCOLS)
def test_what_can_be_scored_passes(name):
  protocol.check(name, comparisons(name))


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("rewardbench", "subsets hep-rust have no score"),
    ("rm-bench", "domains safety have no prompt"),
    ("rmb", "sets Pairwise_set/Harmlessness have no judgements"),
  ],
)
def test_what_cannot_be_scored_is_refused_before_it_is_judged(name, message):
  rows = comparisons(name)
  rows = [one for one in rows if one.subset != rows[-1].subset]
  with pytest.raises(ValueError, match=message):
    protocol.check(name, rows)


def test_the_best_of_many():
  chosen = [
    Value("ppe-math-000", "MATH", 1.0),
    Value("ppe-math-001", "MATH", 0.0),
    Value("ppe-gpqa-000", "GPQA", 1.0),
  ]
  assert ppe.best_of(chosen).sections == {"MATH": 0.5, "GPQA": 1.0}
  assert ppe.best_of(chosen).overall == 0.75


def test_languages_of_a_problem_are_one_cluster():
  values = [
    Value(f"humanevalpack-{language}-{n:03d}", f"hep-{language}", 1.0)
    for language in ("go", "cpp")
    for n in range(7)
  ]
  score = humanevalpack.score(values)
  assert score.sections == {"hep-go": 1.0, "hep-cpp": 1.0}
  assert len(score.strata[0].clusters) == 7


def test_pairs_of_a_question_are_one_cluster():
  uids = ("gsm8k-0001-0-1", "gsm8k-0001-2-1", "gsm8k-0010-0-1")
  values = [Value(uid, "", 1.0) for uid in uids]
  assert list(gsm8k.score(values).strata[0].sizes) == [2, 1]


def test_rounds_of_a_prompt_are_one_cluster():
  values = [
    Value(f"ppe-math-{prompt:03d}/{number}/0-1", "MATH", float(prompt % 2))
    for prompt in range(20)
    for number in range(5)
  ]
  [part] = ppe.score(values).strata
  assert len(part.clusters) == 20
