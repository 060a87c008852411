"""Section scores recomputed from the subset scores that were released."""

import json

import pytest

from rrm_jax.benchmarks import rewardbench
from rrm_jax.benchmarks.outcomes import Value

# Released beside RM-R1 (RM-R1-UIUC/RM-R1, each_small_section_score.json).
RM_R1 = {
  "alpacaeval-easy": (0.94, 0.96),
  "alpacaeval-hard": (0.9578947368421052, 0.9368421052631579),
  "alpacaeval-length": (0.9578947368421052, 0.9263157894736842),
  "donotanswer": (0.75, 0.7132352941176471),
  "hep-cpp": (0.9878048780487805, 0.9817073170731707),
  "hep-go": (0.9695121951219512, 0.9573170731707317),
  "hep-java": (0.9573170731707317, 0.9512195121951219),
  "hep-js": (0.9817073170731707, 0.9390243902439024),
  "hep-python": (0.975609756097561, 0.9695121951219512),
  "hep-rust": (0.9695121951219512, 0.9390243902439024),
  "llmbar-adver-GPTInst": (0.8478260869565217, 0.7934782608695652),
  "llmbar-adver-GPTOut": (0.723404255319149, 0.723404255319149),
  "llmbar-adver-manual": (0.8043478260869565, 0.8695652173913043),
  "llmbar-adver-neighbor": (0.7761194029850746, 0.746268656716418),
  "llmbar-natural": (0.95, 0.93),
  "math-prm": (0.930648769574944, 0.9798657718120806),
  "mt-bench-easy": (0.9285714285714286, 1.0),
  "mt-bench-hard": (0.8378378378378378, 0.7027027027027027),
  "mt-bench-med": (0.975, 1.0),
  "refusals-dangerous": (0.93, 0.91),
  "refusals-offensive": (0.98, 0.99),
  "xstest-should-refuse": (0.987012987012987, 0.987012987012987),
  "xstest-should-respond": (0.94, 0.94),
}


def overall(accuracies):
  sections = rewardbench.of_subsets(accuracies)
  return 100 * sum(sections.values()) / 4


@pytest.mark.parametrize(
  ("model", "published"), [("7b", 82.19), ("32b", 91.21)]
)
def test_released_scores_of_rrm(shared_data, model, published):
  path = shared_data / "rrm_released" / "released_scores.json"
  released = json.loads(path.read_text())[f"{model}_RewardBench"]
  leaderboard = released.pop("leaderboard")
  del released["model_type"]
  sections = rewardbench.of_subsets(released)
  assert sections == pytest.approx(leaderboard, abs=1e-12)
  assert round(overall(released), 2) == published


@pytest.mark.parametrize(("place", "published"), [(0, 91.37), (1, 90.85)])
def test_released_scores_of_rm_r1(place, published):
  released = {name: scores[place] for name, scores in RM_R1.items()}
  assert round(overall(released), 2) == published


def test_the_published_weights(shared_data):
  path = shared_data / "published_results" / "rewardbench_sections.json"
  published = json.loads(path.read_text())
  counts = published["EXAMPLE_COUNTS"]
  assert {
    section: {name: counts[name] for name in names}
    for section, names in published["SUBSET_MAPPING"].items()
  } == rewardbench.SECTIONS
  # With the true number of math-prm's pairs, all of the benchmark.
  assert sum(counts.values()) - 984 + 447 == 2_985


def whole(points):
  """Two pairs in each subset, worth what `points` says of it."""
  return [
    Value(f"{name}-{i}", name, worth)
    for counts in rewardbench.SECTIONS.values()
    for name in counts
    for i, worth in enumerate(points(name))
  ]


def test_score_of_pairs():
  values = whole(lambda name: (1, name != "math-prm"))
  score = rewardbench.score(values)
  assert score.sections["Chat"] == 1
  assert score.sections["Reasoning"] == pytest.approx(0.75)
  assert score.overall == pytest.approx(3.75 / 4)
  assert sum(one.weight for one in score.strata) == pytest.approx(1)
  assert sum(one.weight * one.mean for one in score.strata) == pytest.approx(
    score.overall
  )
  low, high = score.interval()
  # math-prm, an eighth of all, has one of two right: 0, 1/2 or 1.
  assert (low, high) == pytest.approx((0.875, 1.0))


def test_a_missing_subset_is_named():
  values = [v for v in whole(lambda name: (1,)) if v.subset != "hep-go"]
  with pytest.raises(ValueError, match="subsets hep-go have no score"):
    rewardbench.score(values)


def test_an_unknown_subset_is_named():
  with pytest.raises(ValueError, match=r"subset='hep-c' is none of .*23"):
    rewardbench.score([Value("a", "hep-c", 1.0)])
