import inspect
import struct

import numpy as np
import pytest
from matplotlib.image import imread

from rrm_jax.analysis import plots, style

STEPS = [
  {"step": s, "accuracy": 0.6 + s / 100, "low": 0.5 + s / 100, "high": 0.9}
  for s in range(0, 30, 10)
]
VOTES = [
  {"k": k, "accuracy": a, "low": a - 0.05, "high": a}
  for k, a in ((1, 0.7), (3, 0.8), (15, 1.0))
]
BUDGETS = [
  {"budget": b, "accuracy": a, "low": a - 0.05, "high": a + 0.05}
  for b, a in ((0, 0.35), (8, 0.7), (24, 0.9))
]
LENGTHS = [
  {
    "subset": f"{n:02d} terms",
    "thinking_tokens": n + 6.0,
    "low": n + 5.0,
    "high": n + 7.0,
  }
  for n in range(1, 15)
]
SUBSETS = [
  {"subset": s, "accuracy": a, "low": a - 0.05, "high": a + 0.02}
  for s, a in (("Chat", 0.95), ("Chat Hard", 0.7), ("Safety", 0.8))
]
CHARTS = [
  (plots.learning_curve, STEPS),
  (plots.votes, VOTES),
  (plots.budget, BUDGETS),
  (plots.thinking_length, LENGTHS),
  (plots.accuracy_by_difficulty, SUBSETS),
]


def size(path):
  head = path.read_bytes()[:24]
  assert head[:8] == b"\x89PNG\r\n\x1a\n"
  return struct.unpack(">II", head[16:24])


def inked(path, colour):
  """How many pixels have exactly this colour."""
  rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
  pixels = np.rint(imread(path)[..., :3] * 255)
  return int((pixels == rgb).all(-1).sum())


@pytest.mark.parametrize(("draw", "rows"), CHARTS)
def test_draws_every_curve_in_its_colour(tmp_path, draw, rows):
  path = tmp_path / "chart.png"
  draw(path, {"RRM": rows, "DirectJudge": rows[:2]})
  assert size(path) == (1500, 880)
  looks = style.looks(["RRM", "DirectJudge"])
  assert inked(path, looks["RRM"].colour) > 300
  assert inked(path, looks["DirectJudge"].colour) > 300
  white = inked(path, "#FFFFFF") / (1500 * 880)
  assert 0.5 < white < 0.99


@pytest.mark.parametrize(("draw", "rows"), CHARTS)
def test_nothing_touches_the_edge(tmp_path, draw, rows):
  path = tmp_path / "chart.png"
  draw(path, {"a rather long name of a model": rows, "another": rows})
  pixels = imread(path)[..., :3]
  edge = [pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]]
  assert all((part == 1).all() for part in edge)


@pytest.mark.parametrize(("draw", "rows"), CHARTS)
def test_same_rows_same_file(tmp_path, draw, rows):
  draw(tmp_path / "a.png", {"RRM": rows})
  draw(tmp_path / "b.png", {"RRM": rows})
  assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(("draw", "rows"), CHARTS)
def test_copes_with_little(tmp_path, draw, rows):
  bare = [
    {key: value for key, value in row.items() if key not in ("low", "high")}
    for row in rows[:1]
  ]
  path = tmp_path / "chart.png"
  draw(path, {"RRM": bare, "warm start": []})
  assert inked(path, style.looks(["RRM"])["RRM"].colour) > 50


@pytest.mark.parametrize(("draw", "rows"), CHARTS)
def test_nothing_to_draw_is_an_error(tmp_path, draw, rows):
  with pytest.raises(ValueError, match="no rows to draw"):
    draw(tmp_path / "chart.png", {"RRM": []})
  assert not (tmp_path / "chart.png").exists()


def test_rows_without_labels_are_left_out(tmp_path):
  unlabelled = {"subset": "Chat", "accuracy": None, "low": None, "high": None}
  path = tmp_path / "chart.png"
  plots.accuracy_by_difficulty(path, {"RRM": [unlabelled, *SUBSETS[1:]]})
  assert size(path) == (1500, 880)


def test_wide_budgets(tmp_path):
  rows = [{**row, "budget": 2 ** (4 * i + 3)} for i, row in enumerate(BUDGETS)]
  plots.budget(tmp_path / "chart.png", {"RRM": rows})
  assert size(tmp_path / "chart.png") == (1500, 880)


@pytest.mark.parametrize(
  ("charts", "expected"),
  [(1, (1060, 740)), (2, (2120, 740)), (3, (2120, 1480)), (4, (2120, 1480))],
)
def test_overview(tmp_path, charts, expected):
  names = ("learning", "votes", "budget", "length")
  rows = (STEPS, VOTES, BUDGETS, LENGTHS)
  given = {
    name: {"RRM": rows[i]} if i < charts else {"RRM": []}
    for i, name in enumerate(names)
  }
  path = tmp_path / "overview.png"
  plots.overview(path, **given)
  assert size(path) == expected
  plots.overview(path, **given, title="In miniature")
  assert size(path) == (expected[0], expected[1] + 80)


def test_empty_overview(tmp_path):
  with pytest.raises(ValueError, match="at least one of the four"):
    plots.overview(tmp_path / "overview.png", votes={})


def test_no_pyplot():
  for module in (plots, style):
    assert "pyplot" not in inspect.getsource(module)


def test_looks_differ():
  names = ["RRM", "mine", "DirectJudge", "yours"]
  looks = style.looks(names)
  assert len({look.colour for look in looks.values()}) == 4
  assert [look.label for look in looks.values()] == names


def test_a_folder_is_not_taken_for_a_role():
  """Runs in folders named before and after are called that."""
  before, after = style.looks(["before", "after"]).values()
  assert (before.label, after.label) == ("before", "after")


def test_spread_golden():
  assert style.spread([0, 10, 20], 5, 0, 100) == [0, 10, 20]
  # Two at the same place part around it; one at the top is pushed inside.
  assert style.spread([50, 50], 10, 0, 100) == [45, 55]
  assert style.spread([98, 99], 10, 0, 100) == [90, 100]
  assert style.spread([0, 1], 10, 0, 100) == [0, 10]
  assert style.spread([], 10, 0, 100) == []
