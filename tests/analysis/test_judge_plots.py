"""Charts of how a judge spends, errs and leans."""

import pytest

from rrm_jax.analysis import judge_plots, style

from .test_plots import inked, size

BAND = {"low": 0.55, "high": 0.75}
CHARTS = [
  (judge_plots.tokens, "tokens", "accuracy", (100, 300, 1600)),
  (judge_plots.by_thought, "thinking_tokens", "accuracy", (90.5, 120, 400)),
  (judge_plots.by_agreement, "wrong", "thinking_tokens", (0.0, 0.3, 0.9)),
  (judge_plots.patterns, "pattern", "share", ("reflection", "comparison")),
  (judge_plots.position, "subset", "first_rate", ("Chat", "Chat Hard")),
  (judge_plots.length_bias, "ratio", "accuracy", ("4+", "1-1.1", "1.1-1.25")),
  (judge_plots.calibration, "confidence", "accuracy", (0.5, 0.75, 1.0)),
  (judge_plots.flips, "subset", "rate", ("1 terms", "10 terms")),
  (judge_plots.invalid, "subset", "rate", ("Chat", "Safety")),
  (judge_plots.differences, "subset", "difference", ("Chat", "Safety")),
]


def rows(x, y, at):
  return [{x: place, y: 0.6, **BAND} for place in at]


@pytest.mark.parametrize(("draw", "x", "y", "at"), CHARTS)
def test_draws_every_curve_in_its_colour(tmp_path, draw, x, y, at):
  path = tmp_path / "chart.png"
  draw(path, {"one": rows(x, y, at), "other": rows(x, y, at[:1])})
  assert size(path) == (1500, 880)
  looks = style.looks(["one", "other"])
  for look in looks.values():
    assert inked(path, look.colour) > 50


@pytest.mark.parametrize(("draw", "x", "y", "at"), CHARTS)
def test_nothing_to_draw_is_an_error(tmp_path, draw, x, y, at):
  with pytest.raises(ValueError, match="no rows to draw"):
    draw(tmp_path / "chart.png", {"one": []})
