"""launch.evaluate on a trained workdir and on files of a user's."""

import json
import subprocess
import sys

import pytest

from rrm_jax import config
from rrm_jax.data import arithmetic
from tests.launch import running

TASK = config.Data(max_terms=4)


def evaluate(model, data, output, *more, shared=None):
  """Runs launch.evaluate with a model, or with what --judge= describes."""
  told_apart = ("simulated:", "verdicts:")
  who = "judge" if str(model).startswith(told_apart) else "model"
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


def rows_of(num):
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
  path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(10)))
  return path


def test_report_and_judgements(whole, file, tmp_path):
  _, workdir, _, _ = whole
  output = tmp_path / "out"
  code, printed, errors = evaluate(
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
  code, _, errors = evaluate(
    workdir, file, tmp_path / "out", "--config.sampling.thinking_budget=1"
  )
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["finish"]["budget"] > 0
  assert report["invalid_rate"] < 1


def test_a_judge_asked_to_answer_at_once(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, _, errors = evaluate(
    workdir, file, tmp_path / "out", "--config.template.thinking=no"
  )
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["thinking_tokens"] == 0 and report["completion_tokens"] > 0
  assert report["invalid"]["no closing tag"] == 0


def test_bad_row_names_file_and_line(whole, file, tmp_path):
  _, workdir, _, _ = whole
  with file.open("a") as more:
    more.write('{"query": "+1 . . .", "response_1": 3}\n')
  code, _, errors = evaluate(workdir, file, tmp_path / "out")
  assert code == 1
  assert f"{file}:11" in errors and "Traceback" not in errors


@pytest.mark.parametrize("labelled", [0, 1])
def test_what_has_no_label_is_judged_and_not_scored(tmp_path, labelled):
  rows = [
    {"id": f"{n}", "query": "q", "response_1": "a", "response_2": "b"}
    for n in range(3)
  ]
  for row in rows[:labelled]:
    row["label"] = 1
  verdicts = [{"id": row["id"], "winner": 1} for row in rows]
  for name, some in (("data", rows), ("verdicts", verdicts)):
    text = "".join(json.dumps(row) + "\n" for row in some)
    (tmp_path / f"{name}.jsonl").write_text(text)
  output = tmp_path / "out"
  code, _, errors = evaluate(
    f"verdicts:{tmp_path / 'verdicts.jsonl'}", tmp_path / "data.jsonl", output
  )
  assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  assert report["accuracy"] == (1.0 if labelled else None)
  assert (report["comparisons"], report["unlabelled"]) == (3, 3 - labelled)
  whole = (output / "report.csv").read_text().splitlines()[1]
  assert whole.endswith(f",{labelled}")
  assert (output / "accuracy.png").exists() == bool(labelled)
  assert ("picture" in report["files"]) == bool(labelled)
  assert len((output / "judgements.jsonl").read_text().splitlines()) == 6


def test_no_workdir(file, tmp_path):
  code, _, errors = evaluate(tmp_path / "none", file, tmp_path / "out")
  assert code == 1
  assert "config.json does not exist" in errors


def test_no_such_weights(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, _, errors = evaluate(workdir, file, tmp_path / "out", "--weights=rl@3")
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
  code, _, errors = evaluate(workdir, file, tmp_path / "whole", *SLOW)
  assert code == 0, errors
  output = tmp_path / "killed"
  for least in (1, 60):
    running.kill_after(
      _start(workdir, file, output, *SLOW), output / "cache", least
    )
  before = len(running.cached(output / "cache"))
  assert 60 <= before < 180
  code, _, errors = evaluate(workdir, file, output, *SLOW)
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
    code, _, errors = evaluate(
      workdir, file, tmp_path / weights, cache, f"--weights={weights}"
    )
    assert code == 0, errors
    assert f"{own} judgements of this judge" in errors
    assert ("20 with other weights" in errors) == (weights == "rl")
    assert len(running.cached(tmp_path / "cache")) == total


def test_the_report_of_another_run_is_not_lost(whole, file, tmp_path):
  _, workdir, _, _ = whole
  before = (workdir / "report.json").read_bytes()
  code, _, errors = evaluate("simulated:0", file, workdir)
  assert code == 1 and "is a model's folder, whose report would be" in errors
  assert (workdir / "report.json").read_bytes() == before
  output = tmp_path / "out"
  assert evaluate("simulated:0", file, output)[0] == 0
  before = (output / "judgements.jsonl").read_bytes()
  code, _, errors = evaluate("simulated:0.5", file, output)
  assert code == 1
  assert errors == (
    f"error: {output}/report.json is of another run: "
    "model='simulated:0' there, 'simulated:0.5' now; choose another --output, "
    f"or delete {output}\n"
  )
  assert (output / "judgements.jsonl").read_bytes() == before
  more = "--config.samples=2"  # the same run, with more votes
  assert evaluate("simulated:0", file, output, more)[0] == 0


def test_a_judge_that_never_decides(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, printed, errors = evaluate(
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
    ("--config.samples=0", "config: samples=0 must be at least 1"),
    ("--output=/dev/null/out", "--output=/dev/null/out: "),
    ("--cache=/dev/null", "/dev/null cannot be written"),
    ("--data=/dev/null", "/dev/null has no rows"),
    ("--judge=simulated:0.1", "give one of --model and --judge"),
    ("--results=runs.txt", "--results=runs.txt must end in .jsonl or .csv"),
  ],
)
def test_mistakes_are_one_line(whole, file, tmp_path, flag, message):
  _, workdir, _, _ = whole
  code, _, errors = evaluate(workdir, file, tmp_path / "out", flag)
  assert code == 1
  assert f"error: {message}" in errors and "Traceback" not in errors
