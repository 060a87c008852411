"""Cyclic triples against a count by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.tournament import cycles, run, simulated
from tests.tournament.groups import group, ordered


@given(st.integers(1, 7), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_triples_are_counted_one_by_one(count, seed):
  table = np.random.default_rng(seed).integers(0, 3, (count, count)) * 1.0
  np.fill_diagonal(table, 0)
  cyclic = whole = 0
  for triple in itertools.combinations(range(count), 3):
    pairs = list(itertools.combinations(triple, 2))
    if all(table[a, b] != table[b, a] for a, b in pairs):
      whole += 1
      wins = [
        sum(table[a, b] > table[b, a] for b in triple if b != a) for a in triple
      ]
      cyclic += sorted(wins) == [1, 1, 1]
  assert cycles.triples(table) == (cyclic, whole)


def test_a_consistent_judge_has_no_cycles():
  outcome = run.play([group(6)], ordered(), config.Schedule("round_robin"))
  assert cycles.summary(outcome.contests, {"p": 6}, 0.1) == {
    "triples": 20,
    "cyclic": 0,
    "transitivity": 1.0,
    "prompts_with_cycles": 0,
    "upsets": 0.0,
  }


def test_a_coin_makes_a_quarter_of_the_triples_cyclic():
  groups = [group(8, f"p{i}") for i in range(300)]
  judge = simulated.flat(0.5)
  outcome = run.play(groups, judge, config.Schedule("round_robin"))
  found = cycles.summary(outcome.contests, {g.uid: 8 for g in groups}, 0.1)
  assert found["triples"] == 300 * 56
  assert found["transitivity"] == pytest.approx(0.75, abs=0.02)


def test_nothing_played_has_no_figures():
  found = cycles.summary({"p": run.contests.contest(group(3))}, {"p": 3}, 0.1)
  assert (found["triples"], found["transitivity"]) == (0, None)
  assert found["upsets"] is None
