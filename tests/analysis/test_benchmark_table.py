"""A report card on the terminal."""

from rrm_jax.analysis.benchmark_table import overview, readable
from rrm_jax.analysis.tables import WIDTH

WHOLE = {"overall": 0.8, "low": 0.7, "high": 0.9, "counted": 100}
REPORT = {
  "name": "rewardbench",
  "seed": 3,
  "model": "runs/mini",
  "weights": "rl@15",
  "fingerprint": "0123456789abcdef",
  "simulated": False,
  "left_out": 3,
  "left_out_by_subset": {"hep-go": 2, "": 1},
  "unscored": "",
  "invalid": {"no box": 4, "truncated": 0},
  "length_bias": {"longer_rate": 0.75, "longer_is_right": 0.5},
  "tokens": {"prompt": 12345, "thinking": 50, "completion": 99},
  "benchmark": {
    "benchmark": "RewardBench",
    "rule": "mean of 4 sections; subsets by their size, math-prm as 984",
    "order": "one, by an unseeded coin",
    "published": [WHOLE, {**WHOLE, "overall": 0.75}],
    "both_orders": WHOLE,
    "details": {
      "agreement": 0.875,
      "kappa": None,
      "without_ties": {"f1_macro": 0.65432, "recall": 0.5},
    },
  },
  "comparisons": 100,
  "accuracy": 0.8,
  "flip_rate": 0.1,
  "invalid_rate": None,
  "files": {"report": "out/report.json"},
}


def row(rule, name, accuracy, invalid="a missing verdict is 0.5", votes=1):
  bounds = {"low": accuracy - 0.1, "high": accuracy + 0.1, "counted": 7}
  return {
    "rule": rule, "invalid_rule": invalid, "votes": votes, "name": name,
    "accuracy": accuracy, **bounds,
  }  # fmt: skip


ROWS = [
  row("published", "overall", 0.75, "RRM: a missing verdict is 0.5"),
  row("published", "xstest-should-respond", 0.5, "RRM: a missing verdict"),
  row("published", "overall", 0.65, "RM-R1: a missing verdict is 0"),
  row("both orders", "overall", 0.7),
  row("both orders", "overall", 0.77, votes=5),
]
GOLDEN = """\
rewardbench, seed 3
  judge: runs/mini rl@15, fingerprint 0123456789ab
  left out, as prompts are too long: 3 of 103 (hep-go 2, 1)
  RewardBench: mean of 4 sections; subsets by their size, math-prm as 984
  order of the published rule: one, by an unseeded coin

Accuracy, % [95% interval]
                       published  published
                           (RRM)    (RM-R1)        both orders  n
overall                     75.0       65.0  70.0 [60.0, 80.0]  7
xstest-should-respond       50.0          -                  -  7

Majority of 5 votes, % [95% interval]
               both orders  n
overall  77.0 [67.0, 87.0]  7

All judgements

agreement 0.875
without ties: f1 macro 0.6543, recall 0.5
No verdict: 4 no box
Verdicts for the longer response: 75.0 %; it is the better one in 50.0 %
Tokens: 12,345 read, 99 written, of them 50 of thought

Files
  report            out/report.json"""


def test_golden():
  text = readable(REPORT, ROWS)
  assert text == GOLDEN
  assert max(map(len, text.splitlines())) <= WIDTH


def test_several_benchmarks():
  other = {**REPORT, "name": "a [b]", "benchmark": None}
  text = overview([REPORT, other], {"rmb": "it is not there. Fetch it"})
  lines = text.splitlines()
  assert "80.0" in next(line for line in lines if "rewardbench" in line)
  assert any("a [b]" in line for line in lines)
  assert lines[-1] == "not judged: rmb: it is not there. Fetch it"
  assert max(map(len, lines)) <= WIDTH
