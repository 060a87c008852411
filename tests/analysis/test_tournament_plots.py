import pytest
from matplotlib.image import imread

from rrm_jax.analysis import style, tournament_plots
from tests.analysis.test_plots import inked, size

BEST_OF = {
  "prompts": 40,
  "random": {"accuracy": 0.25},
  "majority": None,
  "oracle": {"accuracy": 0.9},
}
CURVE = [
  {"judgements": n, "accuracy": a, "low": a - 0.05, "high": a + 0.05}
  for n, a in ((0, 0.25), (1, 0.4), (4, 0.8))
]
ROWS = [
  {
    "candidate": place,
    "bradley_terry": 2.0 - place,
    "low": 1.8 - place,
    "high": 2.2 - place,
    "accuracy": 0.5,
  }
  for place in range(50)
]


def blank_edge(path):
  pixels = imread(path)[..., :3]
  edges = pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]
  return all((edge == 1).all() for edge in edges)


def test_a_curve_for_each_strategy(tmp_path):
  path = tmp_path / "curves.png"
  points = {"round robin, 15 games": CURVE, "knockout": CURVE[:2]}
  tournament_plots.curves(path, BEST_OF, points)
  assert size(path) == (1500, 880) and blank_edge(path)
  for look in style.looks(points).values():
    assert inked(path, look.colour) > 300
  assert inked(path, style.FAINT) > 300
  again = tmp_path / "again.png"
  tournament_plots.curves(again, BEST_OF, points)
  assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("count", [1, 6, 40])
def test_a_row_for_each_candidate(tmp_path, count):
  path = tmp_path / "board.png"
  tournament_plots.leaderboard(path, ROWS[:count])
  assert size(path)[1] == pytest.approx(200 * (1.6 + 0.28 * count), abs=1)
  assert blank_edge(path)
  one = style.looks(["x"])["x"].colour
  assert inked(path, one) > 50 * count


def test_the_strongest_of_many(tmp_path):
  tournament_plots.leaderboard(tmp_path / "a.png", ROWS)
  tournament_plots.leaderboard(tmp_path / "b.png", ROWS[:40])
  assert size(tmp_path / "a.png") == size(tmp_path / "b.png")


def test_without_what_is_correct(tmp_path):
  rows = [{**row, "accuracy": None} for row in ROWS[:3]]
  tournament_plots.leaderboard(tmp_path / "board.png", rows)
  assert blank_edge(tmp_path / "board.png")


def test_nothing_to_draw_is_an_error(tmp_path):
  with pytest.raises(ValueError, match="no points to draw"):
    tournament_plots.curves(tmp_path / "a.png", BEST_OF, {})
  with pytest.raises(ValueError, match="no rows to draw"):
    tournament_plots.leaderboard(tmp_path / "a.png", [])
