"""The published measures of two judges, from their published verdicts."""

import json

import pytest

from rrm_jax.benchmarks import pandalm, protocol
from rrm_jax.benchmarks.outcomes import Outcome
from rrm_jax.data.pandalm import majority


def rows(shared_data, name):
  path = shared_data / "pandalm" / f"{name}-v1.json"
  return {row["idx"]: row for row in json.loads(path.read_text())}


def labels(shared_data):
  return {
    place: majority([row[f"annotator{i}"] for i in (1, 2, 3)])
    for place, row in rows(shared_data, "testset").items()
  }


def test_majority_labels(shared_data):
  found = list(labels(shared_data).values())
  assert [found.count(label) for label in pandalm.CLASSES] == [105, 422, 472]


@pytest.mark.parametrize(
  ("judge", "field", "published"),
  [
    ("gpt-3.5-turbo", "gpt_result", "gpt-3.5-turbo"),
    ("pandalm-7b", "pandalm_result", "PandaLM-7B"),
  ],
)
def test_published_measures(shared_data, judge, field, published):
  truth = labels(shared_data)
  verdicts = rows(shared_data, f"{judge}-testset")
  found = pandalm.classification(
    list(truth.values()),
    [pandalm.prediction(verdicts[place][field]) for place in truth],
  )
  path = shared_data / "published_results" / "pandalm_pairwise.json"
  printed = json.loads(path.read_text())["published_metrics_macro"][published]
  percent = {name: round(100 * value, 2) for name, value in vars(found).items()}
  assert percent == printed


def test_an_unknown_verdict_is_refused():
  with pytest.raises(ValueError, match="result='A' must be 0, 1 or 2"):
    pandalm.prediction("A")


def test_all_pairs_and_those_with_a_preference():
  judged = [Outcome("a", 1, 1), Outcome("b", 2, 1), Outcome("c", 2, 2)]
  judged += [Outcome("d", 0, 1), Outcome("e", 0, None)]
  judged += [one._replace(swapped=True) for one in judged]
  found = protocol.report("pandalm", judged)
  [rule, _] = found["published"]
  assert (rule["overall"], rule["counted"]) == (0.6, 5)
  counted = {row["name"]: row["counted"] for row in rule["parts"]}
  assert counted == {pandalm.PREFERRED: 3, pandalm.TIES: 2}
  assert rule["sections"] == {pandalm.PREFERRED: 0.6667, pandalm.TIES: 0.5}
  assert found["both_orders"]["sections"] == {pandalm.PREFERRED: 0.6667}


def test_details_by_hand():
  # Of three with a preference one is right and one has no verdict; of the one
  # tie the judge makes a preference.
  judged = [
    Outcome("a", 1, 1),
    Outcome("b", 2, 1),
    Outcome("c", 2, None),
    Outcome("d", 0, 1),
  ]
  found = pandalm.details(judged)
  assert found["ties"] == 1
  assert found["all"]["accuracy"] == 0.25
  # Class 1: precision 1/3, recall 1. Class 2: neither. Class 0: neither.
  assert found["all"]["precision"] == pytest.approx(1 / 9, abs=1e-4)
  assert found["all"]["recall"] == pytest.approx(1 / 3, abs=1e-4)
  assert found["all"]["f1"] == pytest.approx(0.5 / 3, abs=1e-4)
  # Without the tie: class 1 has precision 1/2, and there are two classes.
  assert found["without_ties"] == {
    "accuracy": pytest.approx(1 / 3, abs=1e-4),
    "precision": 0.25,
    "recall": 0.5,
    "f1": pytest.approx(1 / 3, abs=1e-4),
  }


def test_votes_on_one_pair_are_one_pair():
  judged = [Outcome("a", 1, winner) for winner in (1, 1, 2)]
  judged += [Outcome("b", 0, winner) for winner in (1, None, None)]
  found = protocol.report("pandalm", judged)
  [rule, _] = found["published"]
  assert rule["counted"] == 2
  assert rule["sections"] == {pandalm.PREFERRED: 0.6667, pandalm.TIES: 0.6667}
  assert found["details"]["ties"] == 1
