import copy

from rrm_jax.analysis.tables import WIDTH
from rrm_jax.analysis.tournament_table import readable

ACCURACY = {"accuracy": 0.5, "low": 0.25, "high": 0.75}
REPORT = {
  "name": "candidates.jsonl",
  "model": "runs/mini",
  "weights": "rl@15",
  "simulated": False,
  "prompts": 12,
  "candidates": 48,
  "judgements": 36,
  "judgements_per_prompt": 3.0,
  "rounds": 2,
  "schedule": {"strategy": "knockout", "seed": 7},
  "best_of": {
    "prompts": 12,
    "random": ACCURACY,
    "majority": None,
    "chosen": {"accuracy": 0.9, "low": 0.8, "high": 1.0},
    "oracle": ACCURACY,
    "curve": [{"judgements": 0.0, **ACCURACY}, {"judgements": 3.0, **ACCURACY}],
  },
  "leaderboard": [
    {
      "candidate": place, "bradley_terry": 1.0 - place, "low": -1.25,
      "high": 1.5, "elo": 1004.0, "win_rate": 0.625, "games": 9,
      "accuracy": None,
    }
    for place in range(20)
  ],
  "judge": {
    "thinking_tokens": 8.06, "invalid_rate": 0.1, "first_rate": None,
    "flip_rate": 0.25, "accuracy": 0.75,
  },
  "consistency": {"cyclic": 1, "triples": 4},
  "files": {"report": "out/report.json"},
}  # fmt: skip

GOLDEN = """\
candidates.jsonl, knockout, seed 7
  judge: runs/mini rl@15
  12 prompts, 48 candidates, 36 judgements (3.0 a prompt), 2 rounds

Best of N on 12 prompts, accuracy in %
                          [95% interval]
  random               50.0 [25.0, 75.0]
  chosen                90.0 [80.0, 100]
  oracle               50.0 [25.0, 75.0]

Accuracy by judgements a prompt, %
                        0      3
  accuracy           50.0   50.0

By place in the data, 4 more not shown
                         Bradley-Terry         Elo      wins %   correct %
  candidate 0     +1.00 [-1.25, +1.50]      1004.0        62.5           -
  candidate 1     +0.00 [-1.25, +1.50]      1004.0        62.5           -
"""


def test_golden():
  text = readable(REPORT)
  assert text.startswith(GOLDEN)
  assert "candidate 15" in text and "candidate 16" not in text
  assert text.endswith(
    """\
The judge
                    thinking invalid %   first % flipped %   right %  cyclic %
  judge                  8.1      10.0         -      25.0      75.0      25.0

Files
  report            out/report.json"""
  )
  assert all(len(line) <= WIDTH for line in text.splitlines())


def test_many_triples_fit_and_none_is_no_share():
  many = {"cyclic": 1_000, "triples": 14_300}
  assert readable(REPORT | {"consistency": many}).count("  7.0\n") == 1
  none = {"cyclic": 0, "triples": 0}
  assert readable(REPORT | {"consistency": none}).count("75.0         -\n") == 1


def test_a_long_curve_keeps_its_end():
  point = REPORT["best_of"]["curve"][0]
  curve = [{**point, "judgements": n} for n in range(17)]
  text = readable(REPORT | {"best_of": REPORT["best_of"] | {"curve": curve}})
  (line,) = [row for row in text.splitlines() if row.endswith(" 13     16")]
  assert line.split() == ["1", "4", "7", "10", "13", "16"]


def test_what_was_not_measured_is_left_out():
  report = copy.deepcopy(REPORT) | {
    "best_of": None, "leaderboard": None, "judge": None, "simulated": True
  }  # fmt: skip
  text = readable(report)
  assert "Best of N" not in text and "Bradley" not in text
  assert "SIMULATED" in text.splitlines()[1]
  assert "SIMULATED" not in readable(REPORT)
