"""launch.evaluate on a trained workdir and on files of a user's."""

import json
import subprocess
import sys

import pytest

from launch import report_card
from rrm_jax import config
from rrm_jax.benchmarks import protocol, results
from rrm_jax.data import arithmetic
from rrm_jax.records import Comparison
from tests.benchmarks import test_against_data as small
from tests.launch import running

TASK = config.Data(max_terms=4)


def _evaluate(model, data, output, *more, shared=None):
  """Runs launch.evaluate with a model, or with what --judge= describes."""
  who = "judge" if str(model).startswith("simulated") else "model"
  told = {} if shared is None else {"RRM_SHARED": str(shared)}
  process = subprocess.run(
    [
      sys.executable, "-m", "launch.evaluate", f"--{who}={model}",
      f"--data={data}", f"--output={output}",
      "--config.sampling.max_new_tokens=8", "--config.engine.slots=16", *more,
    ],
    cwd=running.ROOT, capture_output=True, text=True, timeout=running.LONG,
    env=running.environment(devices=1) | told,
  )  # fmt: skip
  return process.returncode, process.stdout, process.stderr


def _rows(num):
  """Comparisons of the built-in task as a user's JSONL rows."""
  made = [arithmetic.comparison(TASK, 5, "test", i) for i in range(num)]
  return [
    {
      "id": c.uid,
      "query": c.query,
      "response_1": c.responses[0],
      "response_2": c.responses[1],
      "label": c.label,
      "subset": c.subset,
    }
    for c in made
  ]


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "data.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in _rows(10)))
  return path


def test_report_and_judgements(whole, file, tmp_path):
  _, workdir, _, _ = whole
  output = tmp_path / "out"
  code, printed, errors = _evaluate(
    workdir, file, output, "--config.samples=3", "--weights=rl@4"
  )
  assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  judged = [
    json.loads(line)
    for line in (output / "judgements.jsonl").read_text().splitlines()
  ]
  # Ten comparisons, both orders, three votes.
  assert report["comparisons"] == 10
  assert report["judgements"] == len(judged) == 60
  assert {(r["swapped"], r["sample"]) for r in judged} == {
    (swapped, sample) for swapped in (False, True) for sample in range(3)
  }
  scores = [
    0.5 if r["winner"] is None else float(r["winner"] == r["label"])
    for r in judged
  ]
  assert report["accuracy"] == pytest.approx(sum(scores) / 60, abs=1e-4)
  assert report["low"] <= report["accuracy"] <= report["high"]
  assert {r["subset"] for r in judged} == {
    s["subset"] for s in report["subsets"]
  }
  assert 0 <= report["invalid_rate"] <= 1
  assert [row["k"] for row in report["models"]["judge"]["votes"]] == [1, 3]
  assert "Accuracy" in printed


def test_forced_verdicts_are_all_valid(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, _, errors = _evaluate(
    workdir, file, tmp_path / "out", "--config.sampling.thinking_budget=1"
  )
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["finish"]["budget"] > 0
  assert report["invalid_rate"] < 1


def test_bad_row_names_file_and_line(whole, file, tmp_path):
  _, workdir, _, _ = whole
  with file.open("a") as more:
    more.write('{"query": "+1 . . .", "response_1": 3}\n')
  code, _, errors = _evaluate(workdir, file, tmp_path / "out")
  assert code == 1
  assert f"{file}:11" in errors and "Traceback" not in errors


def test_no_workdir(file, tmp_path):
  code, _, errors = _evaluate(tmp_path / "none", file, tmp_path / "out")
  assert code == 1
  assert "config.json does not exist" in errors


def test_no_such_weights(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, _, errors = _evaluate(workdir, file, tmp_path / "out", "--weights=rl@3")
  assert code == 1
  assert "no step 3" in errors


SLOW = ("--config.samples=9", "--config.engine.slots=8")


def _start(model, data, output, *more):
  return subprocess.Popen(
    [
      sys.executable, "-m", "launch.evaluate", f"--model={model}",
      f"--data={data}", f"--output={output}",
      "--config.sampling.max_new_tokens=8", *more,
    ],
    cwd=running.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    text=True, env=running.environment(devices=1),
  )  # fmt: skip


def test_killed_and_run_again_is_the_same_and_repeats_nothing(
  whole, file, tmp_path
):
  _, workdir, _, _ = whole
  code, _, errors = _evaluate(workdir, file, tmp_path / "whole", *SLOW)
  assert code == 0, errors
  output = tmp_path / "killed"
  for least in (1, 60):
    running.kill_after(
      _start(workdir, file, output, *SLOW), output / "cache", least
    )
  before = len(running.cached(output / "cache"))
  assert 60 <= before < 180
  code, _, errors = _evaluate(workdir, file, output, *SLOW)
  assert code == 0, errors
  assert f"{before} judgements of this judge" in errors
  keys = running.cached(output / "cache")
  assert len(keys) == len(set(keys)) == 180
  reports = [
    json.loads((folder / "report.json").read_text())
    for folder in (tmp_path / "whole", output)
  ]
  for report in reports:
    del report["files"]
  assert reports[0] == reports[1]
  texts = [
    (folder / "judgements.jsonl").read_bytes()
    for folder in (tmp_path / "whole", output)
  ]
  assert texts[0] == texts[1]


def test_a_shared_cache_holds_several_judges(whole, file, tmp_path):
  _, workdir, _, _ = whole
  cache = f"--cache={tmp_path / 'cache'}"
  runs = [("rl@4", 0, 20), ("rl@4", 20, 20), ("rl", 0, 40)]
  for weights, own, total in runs:
    code, _, errors = _evaluate(
      workdir, file, tmp_path / weights, cache, f"--weights={weights}"
    )
    assert code == 0, errors
    assert f"{own} judgements of this judge" in errors
    assert ("20 with other weights" in errors) == (weights == "rl")
    assert len(running.cached(tmp_path / "cache")) == total


def test_a_judge_that_never_decides(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, printed, errors = _evaluate(
    workdir, file, tmp_path / "out", "--config.sampling.max_new_tokens=1",
    "--config.samples=3", "--config.order=random",
  )  # fmt: skip
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["invalid_rate"] == 1.0 and report["accuracy"] == 0.5
  assert report["flip_rate"] is None and report["first_rate"] is None
  assert {row["accuracy"] for row in report["models"]["judge"]["votes"]} == {
    0.5
  }
  assert "Traceback" not in errors and "Accuracy" in printed


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--config.order=booth", "config.order='booth' is not one of"),
    ("--config.samples=0", "votes=0 must be at least 1"),
    ("--output=/dev/null/out", "--output=/dev/null/out: "),
    ("--cache=/dev/null", "/dev/null cannot be written"),
    ("--data=/dev/null", "/dev/null has no rows"),
    ("--judge=simulated:0.1", "give one of --model and --judge"),
    ("--results=runs.txt", "--results=runs.txt must end in .jsonl or .csv"),
  ],
)
def test_mistakes_are_one_line(whole, file, tmp_path, flag, message):
  _, workdir, _, _ = whole
  code, _, errors = _evaluate(workdir, file, tmp_path / "out", flag)
  assert code == 1
  assert f"error: {message}" in errors and "Traceback" not in errors


def _shared(folder):
  """A folder with some benchmarks, the second of them damaged."""
  small.write_judgebench(folder / "judgebench")
  (folder / "judgebench/claude.jsonl").write_text('{"pair_id": "1"}\n')
  small.write_rm_bench(folder / "rm-bench")
  return folder


def test_a_benchmark_by_its_rule_and_ours(tmp_path):
  shared = _shared(tmp_path / "shared")
  output = tmp_path / "out"
  flags = ("--config.samples=3", f"--results={tmp_path / 'runs.csv'}")
  for _ in range(2):
    code, printed, errors = _evaluate(
      "simulated:0", "rm-bench", output, *flags, shared=shared
    )
    assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  assert report["fingerprint"] and report["simulated"]
  for scored in (report["benchmark"], report["voted"]):
    assert [row["overall"] for row in scored["published"]] == [1, 1]
    assert scored["both_orders"]["overall"] == 1
    assert scored["both_orders"]["sections"]["hard"] == 1
  rows = (output / "report.csv").read_text().splitlines()
  # Whole, four domains, easy, normal and hard; three rules; votes and majority.
  assert len(rows) == 1 + 8 * 3 * 2
  assert (output / "accuracy.png").read_bytes().startswith(b"\x89PNG")
  for word in ("RM-Bench", "RM-R1", "Majority of 3 votes", "SIMULATED"):
    assert word in printed
  assert max(map(len, printed.splitlines())) <= 80
  head, *lines = (tmp_path / "runs.csv").read_text().splitlines()
  assert tuple(head.split(",")) == results.Line._fields
  assert len(lines) == 1 and report["fingerprint"] in lines[0]


def test_all_benchmarks_that_are_there(tmp_path):
  output = tmp_path / "out"
  code, printed, errors = _evaluate(
    "simulated:0.5", "all", output, shared=_shared(tmp_path / "shared")
  )
  assert code == 2, errors
  names = {"judgebench", "rm-bench", "summary.json"}
  assert {path.name for path in output.iterdir()} == names
  summary = json.loads((output / "summary.json").read_text())
  assert set(summary["benchmarks"]) == {"judgebench", "rm-bench"}
  assert {"rewardbench", "judgebench/claude"} <= set(summary["not_judged"])
  for name in ("judgebench", "rm-bench"):
    report = json.loads((output / name / "report.json").read_text())
    assert report["benchmark"]["published"]
  # Named with what fetches them, or with what is wrong.
  assert "hf download allenai/reward-bench --repo-type dataset" in printed
  assert "claude.jsonl:1" in printed and "claude.jsonl:1" in errors
  lines = (tmp_path / "results.jsonl").read_text().splitlines()
  assert [json.loads(line)["data"] for line in lines] == [
    "rm-bench",
    "judgebench",
  ]


def test_no_benchmark_is_there(tmp_path):
  code, _, errors = _evaluate(
    "simulated:0.5", "all", tmp_path / "out", shared=tmp_path
  )
  assert code == 1
  assert "error: no benchmark can be read: the data set 'rewardbench'" in errors


def test_a_benchmark_in_part_is_refused_before_a_model_is_loaded(tmp_path):
  small.write_rm_bench(tmp_path)
  path = tmp_path / "total_dataset.json"
  path.write_text(json.dumps(json.loads(path.read_text())[:2]))
  code, _, errors = _evaluate(
    tmp_path / "no model", f"rm-bench={tmp_path}", tmp_path / "out"
  )
  assert code == 1
  assert "error: RM-Bench's domains math, safety have no prompt" in errors


def test_a_mean_of_some_sections_has_not_the_benchmarks_name():
  rows = [
    Comparison(str(n), (), ("a", "b"), 1, subset)
    for n, subset in enumerate(("natural", "adversarial/manual"))
  ]
  sections = protocol.check("llmbar", rows)
  data = report_card.DataSet("llmbar", "llmbar", sections, rows)
  assert report_card.unscored(data, rows) == ""
  why = "nothing is left of adversarial/manual, adversarial"
  assert report_card.unscored(data, rows[:1]) == why
  assert report_card.unscored(data._replace(benchmark=""), rows[:1]) == ""


def test_what_is_too_long_costs_the_score_but_not_the_run(whole, tmp_path):
  """The one prompt of a domain is too long for the limit."""
  _, workdir, _, _ = whole
  prompts = {"chat": 4, "math": 4, "code": 4, "safety-refuse": 40}
  rows = [
    {
      "id": place,
      "prompt": "+1 " * terms + ". . .",
      "chosen": ["1"] * 3,
      "rejected": ["2"] * 3,
      "domain": domain,
    }
    for place, (domain, terms) in enumerate(prompts.items())
  ]
  small.write_json(tmp_path / "total_dataset.json", rows)
  code, printed, errors = _evaluate(
    workdir, f"rm-bench={tmp_path}", tmp_path / "out",
    "--config.max_prompt_tokens=40",
  )  # fmt: skip
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["benchmark"] is None and report["comparisons"] == 27
  assert report["left_out_by_subset"] == {"safety-refuse": 9}
  for text in (report["unscored"], errors, printed):
    assert "RM-Bench's domains safety have no prompt" in text
  assert "9 of 36 (safety-refuse 9)" in printed


def test_a_file_in_a_folder_named_as_a_benchmark_is_a_file(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "rmb").mkdir()
  text = "".join(json.dumps(row) + "\n" for row in _rows(2))
  (tmp_path / "rmb" / "mine.jsonl").write_text(text)
  data = report_card.read("rmb/mine.jsonl")
  assert data.benchmark == "" and len(data.comparisons) == 2
