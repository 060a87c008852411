"""The tool that says how a judge spends, errs and leans."""

import json
import random

import pytest

from rrm_jax.analysis import patterns
from rrm_jax.judgements import files
from tests.tools.test_binaries import call
from tools import analyse

WORDS = "Wait, compare both responses. Alternatively break it down."


def write(folder, right, *, votes=3, thinking=40, comparisons=24, seed=0):
  """A judge who is right so often, in both orders."""
  rng = random.Random(seed)
  folder.mkdir()
  path = folder / "judgements.jsonl"
  with path.open("w") as file:
    for number in range(comparisons):
      for sample in range(votes):
        for swapped in (False, True):
          winner = 1 if rng.random() < right else 2
          tokens = thinking + rng.randrange(9)
          row = {
            "id": f"c{number}",
            "sample": sample,
            "swapped": swapped,
            "winner": winner,
            "invalid": None,
            "finish": "stopped",
            "prompt_tokens": 9,
            "thinking_tokens": tokens,
            "completion_tokens": tokens + 8,
            "text": f"{WORDS}</think>\\boxed{{Assistant 1}}",
            "subset": ("Chat", "Safety")[number % 2],
            "label": 1,
            "lengths": [30 + number, 40],
          }
          file.write(json.dumps(row) + "\n")
  return path


def test_as_a_user_starts_it(tmp_path):
  good, bad = write(tmp_path / "good", 0.95), write(tmp_path / "bad", 0.4)
  short = write(tmp_path / "short", 0.6, thinking=8)
  output, words = tmp_path / "out", tmp_path / "words.json"
  words.write_text('{"doubt": ["wait"], "parts": ["break ... down"]}')
  code, printed, errors = call(
    "tools.analyse", f"--judgements={bad}", f"--against={good}",
    f"--budgets=8={short},40={good}",
    f"--patterns={words}", f"--output={output}",
  )  # fmt: skip
  assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  assert set(report["judges"]) == {"good", "bad"}
  assert report["compared"]["paired"]["difference"] > 0.3
  assert report["compared"]["paired"]["p"] < 0.01
  assert [row["budget"] for row in report["budgets"]] == [8, 40]
  kinds = report["judges"]["bad"]["patterns"]
  assert [(row["pattern"], row["share"]) for row in kinds] == [
    ("doubt", 1.0),
    ("parts", 1.0),
  ]
  charts = {path.stem for path in output.glob("*.png")}
  assert charts == set(report["files"]) - {"report"}
  assert len(charts) == 13
  assert "Paired: good less bad, on 24 comparisons" in printed
  assert max(map(len, printed.splitlines())) <= 80 + len(str(output))
  code, _, errors = call(
    "tools.analyse", f"--judgements={tmp_path}", f"--output={output}"
  )
  assert code == 1 and errors.startswith("error: ")


def test_a_run_s_own_report_is_not_lost(tmp_path):
  file = write(tmp_path / "run", 0.5)
  report = file.with_name("report.json")
  report.write_text("{}")
  code, _, errors = call(
    "tools.analyse", f"--judgements={file}", f"--output={file.parent}"
  )
  assert code == 1 and "a run's folder, whose report would be lost" in errors
  assert report.read_text() == "{}"


def study_of(runs):
  return analyse.study_of(runs, {}, patterns.PATTERNS, 0.5)


def test_one_judge_with_one_vote(tmp_path):
  """What cannot be measured is left out."""
  run = files.read(write(tmp_path / "one", 0.7, votes=1))
  only = [j for j in run.judgements if not j.swapped]
  report = study_of({"one": files.Run(only, run.comparisons, {})})
  (found,) = report["judges"].values()
  assert found["length_bias"] is None
  assert found["calibration"]["bands"] == []
  assert [row["k"] for row in found["votes"]] == [1]
  assert "compared" not in report and "budgets" not in report
  assert json.loads(json.dumps(report)) == report


def test_runs_on_different_data(tmp_path):
  one = files.read(write(tmp_path / "one", 0.7))
  other = files.read(write(tmp_path / "other", 0.7))
  uid = "c3"
  other.comparisons[uid] = other.comparisons["c2"]
  with pytest.raises(ValueError, match=r"different data"):
    study_of({"one": one, "other": other})


def test_names(tmp_path):
  one, other = (tmp_path / name / "j.jsonl" for name in "ab")
  assert analyse.names([one]) == ["a"]
  assert analyse.names([one, other]) == ["a", "b"]
  below = tmp_path / "c" / "a" / "j.jsonl"
  assert analyse.names([one, below]) == [tmp_path.name, "c"]
  assert analyse.names([one, one.with_name("k.jsonl")]) == [
    "j.jsonl",
    "k.jsonl",
  ]
  with pytest.raises(ValueError, match="the very file"):
    analyse.names([one, tmp_path / "b" / ".." / "a" / "j.jsonl"])
