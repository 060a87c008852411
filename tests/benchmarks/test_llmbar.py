"""All released runs of LLMBar's evaluators, scored again."""

import collections
import json

import pytest

from rrm_jax.benchmarks import llmbar
from rrm_jax.benchmarks.outcomes import mean_points, one_order


@pytest.fixture(scope="module")
def runs(shared_data):
  path = shared_data / "llmbar" / "evaluator_outcomes.json"
  return [
    (rows["label"], run)
    for rows in json.loads(path.read_text()).values()
    for run in rows["evaluators"].values()
  ]


def percent(text):
  """The number of "29 / 54 = 53.70%", or of "53.70%"."""
  return float(text.rpartition("= ")[2].removesuffix("%"))


def test_every_released_statistic(runs):
  assert len(runs) == 499
  for labels, run in runs:
    printed = run["statistics"]
    judged = llmbar.of_strings(labels, run["swap_false"], run["swap_true"])
    found = llmbar.details(judged)
    for swapped in (False, True):
      shown = [one for one in judged if one.swapped == swapped]
      points = [value.points for value in mean_points(shown, invalid=0)]
      assert 100 * sum(points) / len(points) == pytest.approx(
        percent(printed[f"correct_{swapped}"])
      )
    both = llmbar.score(mean_points(judged, invalid=0))
    assert 100 * both.overall == pytest.approx(
      percent(printed["correct_average"])
    )
    assert 100 * found["agreement"] == pytest.approx(percent(printed["equal"]))
    assert 100 * found["right_in_both"] == pytest.approx(
      percent(printed["correct_both"])
    )


def kappa(one, other):
  """Cohen's definition with its fractions cleared."""
  n = len(one)
  agreed = sum(a == b for a, b in zip(one, other, strict=True))
  chance = sum(one.count(digit) * other.count(digit) for digit in "120")
  return (agreed * n - chance) / (n * n - chance)


def test_kappas_are_cohens_and_not_all_the_released_ones(runs):
  released, whole = collections.Counter(), 0
  for labels, run in runs:
    given, swapped = run["swap_false"], run["swap_true"]
    found = llmbar.details(llmbar.of_strings(labels, given, swapped))
    expected = {
      "kappa_orders": (kappa(given, swapped), "kappa_agreement"),
      "kappa_given": (kappa(labels, given), "kappa_False"),
      "kappa_swapped": (kappa(labels, swapped), "kappa_True"),
    }
    for name, (value, theirs) in expected.items():
      assert found[name] == pytest.approx(value)
      released[name] += value == pytest.approx(run["statistics"][theirs])
    if "0" not in given + swapped:
      whole += 1
      assert found["kappa_orders"] == pytest.approx(
        run["statistics"]["kappa_agreement"]
      )
  # Theirs between the orders is right where there is no missing verdict; those
  # with the labels are another number even then.
  assert whole == 381
  assert released["kappa_given"] == released["kappa_swapped"] == 14


def test_averages_by_hand():
  sets = {
    "natural": ("1111", "1111"),
    "adversarial/neighbor": ("1112", "1112"),
    "adversarial/manual": ("1122", "2222"),
  }
  judged = [
    one
    for name, (given, swapped) in sets.items()
    for one in llmbar.of_strings("1111", given, swapped, name)
  ]
  score = llmbar.score(mean_points(judged, invalid=0.5))
  assert score.sections == {
    "natural": 1,
    "adversarial/neighbor": 0.75,
    "adversarial/manual": 0.25,
    "adversarial": 0.5,
  }
  assert score.overall == pytest.approx(2 / 3)
  assert llmbar.details(judged)["agreement"] == 10 / 12


def test_one_order_has_no_agreement():
  judged = one_order(llmbar.of_strings("12", "12", "11"))
  assert llmbar.details(judged) == {"agreement": None}


@pytest.mark.parametrize(
  ("labels", "given", "message"),
  [
    ("12", "1", "2 labels, 1 verdicts"),
    ("13", "11", "pair 1 has label '3'"),
    ("12", "13", "pair 1 has .* verdict '3'"),
  ],
)
def test_bad_runs_are_refused(labels, given, message):
  with pytest.raises(ValueError, match=message):
    llmbar.of_strings(labels, given, "11")


def test_every_vote_has_an_agreement():
  judged = llmbar.of_strings("11", "12", "12")
  judged += llmbar.of_strings("11", "11", "22")
  found = llmbar.details(judged)
  assert found["agreement"] == 0.5
  assert found["right_in_both"] == 0.25
