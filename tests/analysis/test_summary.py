import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.analysis.summary import WIDTH, readable


def run(accuracy, tokens):
  return {
    "accuracy": accuracy,
    "low": accuracy - 0.025,
    "high": accuracy + 0.01,
    "thinking_tokens": tokens,
    "completion_tokens": tokens + 3,
    "invalid_rate": 0.004,
    "first_rate": 0.513,
    "flip_rate": None,
  }


REPORT = {
  "name": "arithmetic",
  "seed": 3,
  "models": {
    "before": {
      "temperatures": {"0.0": run(0.769, 9.1), "1.0": run(0.644, 9.4)},
      "votes": [{"k": 1, "accuracy": 0.618}, {"k": 15, "accuracy": 0.814}],
      "length": {
        "subsets": [{"thinking_tokens": 6.2}, {"thinking_tokens": 12.75}],
        "spearman": 0.42,
        "pearson": None,
      },
    },
    "after": {
      "temperatures": {"1.0": run(0.986, 13.5)},
      "votes": [{"k": 1, "accuracy": 0.989}],
      "budgets": [
        {"budget": 0, "accuracy": 0.5},
        {"budget": 24, "accuracy": 0.984},
      ],
    },
  },
  "wall_seconds": {"warm": 86.2, "rl": 5.04},
  "files": {"overview": "overview.png"},
}

GOLDEN = """\
arithmetic, seed 3

Accuracy by sampling temperature, % [95% interval]
                                 T=1.0               T=0.0
  warm start         64.4 [61.9, 65.4]   76.9 [74.4, 77.9]
  RRM                98.6 [96.1, 99.6]                   -

Behaviour at the highest temperature
                     thinking     tokens  invalid %    first %  flipped %
  warm start              9.4       12.4        0.4       51.3          -
  RRM                    13.5       16.5        0.4       51.3          -

Accuracy of the majority of k votes, %
                        1     15
  warm start         61.8   81.4
  RRM                98.9      -

Accuracy by thinking budget in tokens, %
                        0     24
  RRM                50.0   98.4

Thinking tokens, and their correlation with difficulty
                    first subset   last subset      spearman       pearson
  warm start                 6.2          12.8         +0.42             -

Wall time
  warm                1 min 26 s
  rl                       5.0 s
  together            1 min 31 s

Files
  overview          overview.png"""


def test_golden():
  assert readable(REPORT) == GOLDEN


def test_empty():
  assert readable({}) == "report"


def test_wide_tables_continue():
  rows = [{"budget": b, "accuracy": 1.0} for b in range(0, 8192 * 9, 8192)]
  text = readable({"models": {"after": {"budgets": rows}}})
  assert text.count("Accuracy by thinking budget in tokens, %") == 2
  assert "in tokens, %, continued\n                    65536\n" in text
  assert text.count("100.0") == 9
  assert max(map(len, text.splitlines())) <= WIDTH


def test_long_names_keep_their_ends():
  text = readable({"name": "n" * 99, "files": {"f" * 99: f"/{'d' * 99}/a.png"}})
  assert text.endswith("d/a.png")
  assert max(map(len, text.splitlines())) <= WIDTH


def test_hours():
  assert "2 h 05 min" in readable({"wall_seconds": {"rl": 7_500.0}})


def remove(tree, draw):
  """Takes away parts of the tree, anywhere."""
  if isinstance(tree, dict):
    for key in list(tree):
      fate = draw(st.sampled_from(["keep", "keep", "drop", "none"]))
      if fate == "drop":
        del tree[key]
      elif fate == "none" and key not in ("k", "budget"):
        tree[key] = None
      else:
        remove(tree[key], draw)
  elif isinstance(tree, list):
    for item in tree:
      remove(item, draw)


@settings(deadline=None)
@given(st.data())
def test_any_part_may_be_missing(data):
  report = copy.deepcopy(REPORT)
  remove(report, data.draw)
  text = readable(report)
  assert text
  assert text.isascii()
  assert max(map(len, text.splitlines())) <= WIDTH
