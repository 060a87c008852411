"""The planner's table, and judges with known faults."""

import pytest

from rrm_jax.tournament import planner, planner_plot, rewards, simulated
from tests.tournament.groups import group


@pytest.fixture(scope="module")
def rows():
  groups = planner.imagined(4, prompts=80)
  return planner.simulate(groups, (0.0, 0.2), most=18)


def test_a_perfect_judge_needs_one_knockout(rows):
  needed = planner.needed(rows, 1.0)
  assert needed[0.0, "knockout"] == 3
  assert needed[0.0, "active"] == 3
  assert needed[0.0, "round_robin"] == 6


def test_a_knockout_s_accuracy_is_known_in_closed_form(rows):
  # Two matches in a row, of one game or of three.
  for games in (1, 3):
    [row] = [
      r
      for r in rows
      if (r.error, r.strategy, r.games) == (0.2, "knockout", games)
    ]
    wins = {1: 0.8, 3: 0.8**3 + 3 * 0.8**2 * 0.2}[games]
    assert row.accuracy.low < wins**2 < row.accuracy.high
    assert row.judgements == 3 * games


def test_more_judgements_are_better(rows):
  for strategy in ("swiss", "active"):
    line = [
      r.accuracy.mean for r in rows if (r.error, r.strategy) == (0.2, strategy)
    ]
    assert line[-1] > line[0] + 0.1


def test_nothing_is_above_what_may_be_spent(rows):
  assert max(row.judgements for row in rows) <= 18
  assert planner.needed(rows, 1.0)[0.2, "swiss"] is None


def test_a_picture_is_drawn(rows, tmp_path):
  planner_plot.plot(tmp_path / "plan.png", rows)
  assert (tmp_path / "plan.png").read_bytes()[:4] == b"\x89PNG"
  with pytest.raises(ValueError, match="no rows to draw"):
    planner_plot.plot(tmp_path / "none.png", [])


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: planner.imagined(1), "candidates=1 must be at least 2"),
    (lambda: planner.imagined(4, right=4), "right=4 between 1 and 3"),
    (lambda: planner.simulate([group(3)], [0.1]), "'p' does not say which"),
    (lambda: planner.needed([], 0.0), r"probability=0\.0 must be in"),
    (lambda: simulated.flat(1.5), r"error=1\.5 must be a probability"),
    (
      lambda: simulated.biased(simulated.flat(0.1), -1.0),
      r"share=-1\.0 must be a probability",
    ),
  ],
)
def test_bad_numbers_are_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_simulated_faults_have_their_rates():
  groups = planner.imagined(2, prompts=2_000)
  asked = [q for g in groups for q in rewards.questions(g, 2)]
  wrong = [
    answer.verdict.winner != question.comparison.label
    for question, answer in zip(asked, simulated.flat(0.2)(asked), strict=True)
  ]
  assert sum(wrong) / len(wrong) == pytest.approx(0.2, abs=4 * 0.0064)
  silent = simulated.invalid(simulated.flat(0.0), 0.3)(asked)
  share = sum(a.verdict.winner is None for a in silent) / len(silent)
  assert share == pytest.approx(0.3, abs=4 * 0.0073)
  first = [
    (answer.verdict.winner == 2) == answer.swapped
    for answer in simulated.biased(simulated.flat(0.0), 0.6)(asked)
  ]
  assert sum(first) / len(first) == pytest.approx(0.8, abs=4 * 0.0064)
  assert simulated.flat(0.2)(asked) == simulated.flat(0.2)(asked)
  assert simulated.flat(0.2, 1)(asked) != simulated.flat(0.2)(asked)
