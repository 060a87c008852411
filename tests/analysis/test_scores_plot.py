"""The picture of a report card."""

import pytest
from matplotlib import image

from rrm_jax.analysis import scores_plot


def rows(names, **values):
  return [{"name": name, "accuracy": 0.7, **values} for name in names]


@pytest.mark.parametrize("count", [1, 30])
def test_it_grows_with_the_parts(tmp_path, count):
  names = [f"part {i}" for i in range(count)]
  path = tmp_path / "a.png"
  curves = {
    "published": rows(names, low=None, high=None),
    "both orders": rows(names, low=0.1, high=0.9),
  }
  scores_plot.plot(path, curves, "RewardBench")
  height = image.imread(path).shape[0]
  assert height == int((1.5 + 0.32 * max(4, count)) * 200)


def test_nothing_to_draw(tmp_path):
  with pytest.raises(ValueError, match="there are no rows to draw"):
    scores_plot.plot(tmp_path / "a.png", {"published": []}, "")
