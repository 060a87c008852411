"""Ratings against published ones, by hand, and what they depend on."""

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.records import Game, Match
from rrm_jax.tournament import posterior, ratings, run, simulated
from tests.tournament.groups import group, ordered

OUTCOMES = st.lists(
  st.tuples(
    st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])
  ).filter(lambda game: game[0] != game[1]),
  max_size=40,
)


@pytest.fixture(params=["simple", "food"])
def golden(request, shared_data):
  """Games between named items, and their published scores."""
  folder = shared_data / "published_results" / "evalica"
  share = {"left": 1.0, "tie": 0.5, "right": 0.0}
  with (folder / f"{request.param}.csv").open() as file:
    rows = list(csv.DictReader(file))
  names = sorted({row[side] for row in rows for side in ("left", "right")})
  place = names.index
  games = [
    (place(row["left"]), place(row["right"]), share[row["winner"]])
    for row in rows
  ]
  with (folder / f"{request.param}-golden.csv").open() as file:
    scores = list(csv.DictReader(file))

  def published(algorithm):
    by_name = {
      row["item"]: float(row["score"])
      for row in scores
      if row["algorithm"] == algorithm
    }
    return np.array([by_name[name] for name in names])

  return games, len(names), published


def test_published_elo(golden):
  games, count, published = golden
  found = ratings.elo(games, count, seed=None)
  np.testing.assert_allclose(found, published("elo"), rtol=0, atol=1e-9)


def test_published_bradley_terry(golden):
  games, count, published = golden
  found = np.exp(ratings.bradley_terry(games, count, prior=0))
  np.testing.assert_allclose(
    found / found.sum(), published("bradley_terry"), rtol=0, atol=1e-9
  )
  # Maximum likelihood: everyone has won as often as expected.
  table = posterior.wins(games, count)
  chance = posterior.win_probability(np.log(found))
  met = table + table.T
  np.testing.assert_allclose(
    table.sum(axis=1), (met * chance).sum(axis=1), atol=1e-9
  )


def test_published_win_rates(golden):
  games, count, published = golden
  found = ratings.win_rate(games, count)
  np.testing.assert_allclose(
    found, published("average_win_rate"), rtol=0, atol=1e-9
  )


@pytest.fixture(scope="module")
def textbook(shared_data):
  path = shared_data / "published_results" / "bradley_terry.json"
  return json.loads(path.read_text())


def test_agresti_baseball(textbook):
  case = textbook["baseball_1987_AL_east"]
  expected = case["recomputed"]["no_home"]
  names = sorted(expected)
  games = []
  for home, away, won, lost in case["rows_home_away_homewins_awaywins"]:
    pair = names.index(home), names.index(away)
    games += [(*pair, 1.0)] * won + [(*pair, 0.0)] * lost
  found = ratings.bradley_terry(games, len(names), prior=0)
  found -= found[names.index("Baltimore")]
  np.testing.assert_allclose(
    found, [expected[name] for name in names], atol=6e-6
  )
  published = case["published"]["bt_log_ability_ref_Baltimore_sorted_2dp"]
  np.testing.assert_allclose(sorted(found)[1:], published, atol=0.005 + 1e-9)


def test_agresti_citations(textbook):
  case = textbook["citations"]
  matrix = case["matrix_rows_cited_cols_citing"]
  games = [
    (cited, citing, 1.0)
    for cited, row in enumerate(matrix)
    for citing, count in enumerate(row)
    if cited != citing
    for _ in range(count)
  ]
  found = ratings.bradley_terry(games, 4, prior=0)
  np.testing.assert_allclose(
    found - found[0],
    case["recomputed_bt_log_ability_ref_Biometrika"],
    atol=6e-6,
  )


def test_wikipedia_worked_example(textbook):
  case = textbook["wikipedia_worked_example"]
  games = [
    ("ABCD".index(pair[0]), "ABCD".index(pair[2]), 1.0)
    for pair, count in case["wins"].items()
    for _ in range(count)
  ]
  found = np.exp(ratings.bradley_terry(games, 4, prior=0))
  published = [case["published_strength_geomean1"][name] for name in "ABCD"]
  np.testing.assert_allclose(found, published, atol=0.0051)


def test_elo_by_hand():
  found = ratings.elo([(0, 1, 1.0), (0, 1, 0.0)], 3, seed=None)
  expected = 1 / (1 + 10 ** (-4 / 400))
  assert found == pytest.approx([1002 - 4 * expected, 998 + 4 * expected, 1000])


def test_one_game_by_hand():
  # With a prior of w games: gradient 1 - p + w (1 - 2 s(x)), p = s(2 x).
  [x, y] = ratings.bradley_terry([(0, 1, 1.0)], 2, prior=1.0)
  assert y == pytest.approx(-x, abs=1e-9)
  p, alone = (1 / (1 + math.exp(-z)) for z in (2 * x, x))
  assert 1 - p + 1 - 2 * alone == pytest.approx(0, abs=1e-9)


@given(games=OUTCOMES, prior=st.sampled_from([0.1, 1.0, 3.0]))
@settings(max_examples=60, deadline=None)
def test_the_library_and_newton_s_method_agree(games, prior):
  found = ratings.bradley_terry(games, 6, prior)
  ours = posterior.strengths(posterior.wins(games, 6), prior)
  np.testing.assert_allclose(found, ours, rtol=0, atol=1e-8)


@given(games=OUTCOMES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_neither_order_nor_names_matter(games, data):
  names = data.draw(st.permutations(range(6)))
  renamed = [(names[b], names[a], 1 - share) for a, b, share in reversed(games)]
  for rate in (ratings.bradley_terry, ratings.win_rate):
    np.testing.assert_allclose(
      rate(games, 6), rate(renamed, 6)[names], atol=1e-9
    )
  shuffled = data.draw(st.permutations(games))
  np.testing.assert_array_equal(ratings.elo(games, 6), ratings.elo(shuffled, 6))


def test_elo_depends_on_its_seed():
  games = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (0, 1, 0.0)] * 3
  found = [tuple(ratings.elo(games, 3, seed=seed)) for seed in range(4)]
  assert len(set(found)) > 1


def test_planted_strengths_are_recovered():
  outcome = run.play(
    [group(8)],
    ordered(0.5),
    config.Schedule("round_robin", games=400),
  )
  games = ratings.outcomes(outcome.matches)
  found = ratings.bradley_terry(games, 8)
  assert np.argsort(found).tolist() == list(range(8))
  np.testing.assert_allclose(np.diff(found), 0.5, atol=0.2)
  assert np.argsort(ratings.win_rate(games, 8)).tolist() == list(range(8))


@pytest.mark.parametrize(
  ("rule", "expected"),
  [
    ("missing", [(1, 4, 0.0)]),
    ("draw", [(1, 4, 0.0), (1, 4, 0.5)]),
  ],
)
def test_what_an_invalid_game_is_worth(rule, expected):
  games = (Game(0, False, 4), Game(0, True, None, False))
  match = Match("p", 1, (4, 1), games, 4)
  assert ratings.outcomes([match], rule) == expected


@pytest.mark.parametrize("method", ["bradley_terry", "elo", "win_rate"])
def test_without_games_all_are_equal(method):
  found = ratings.rate([], 3, config.Rating(method))
  assert len(set(found.tolist())) == 1
  silent = simulated.invalid(simulated.flat(0.0), 1.0)
  outcome = run.play([group(5)], silent, config.Schedule("round_robin"))
  games = ratings.outcomes(outcome.matches, "draw")
  found = ratings.rate(games, 5, config.Rating(method))
  np.testing.assert_allclose(found, found[0], atol=0.1)


def test_bad_numbers_are_refused():
  with pytest.raises(ValueError, match=r"prior=-0\.1 is negative"):
    ratings.bradley_terry([], 2, -0.1)
  with pytest.raises(ValueError, match=r"prior=0\.0 and elo_k=4\.0 must be"):
    config.Rating(prior=0.0)
  rating = config.Rating()
  # As whoever checks no types might have it.
  object.__setattr__(rating, "method", "btl")
  with pytest.raises(ValueError, match="method='btl' is not one of"):
    ratings.rate([], 2, rating)
