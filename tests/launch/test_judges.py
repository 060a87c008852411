"""Judges that are not ours, through the door of launch.evaluate."""

import json
import subprocess
import sys

import pytest

from tests.baselines.test_endpoint import Server, honest
from tests.launch import running

ROWS = [
  {"id": f"c{i}", "query": f"Question {i}?", "chosen": "right",
   "rejected": "wrong"}
  for i in range(6)
]  # fmt: skip


@pytest.fixture
def file(tmp_path):
  return write(tmp_path / "data.jsonl", ROWS)


def write(path, rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def evaluate(judge, data, output):
  process = subprocess.run(
    [
      sys.executable, "-m", "launch.evaluate", f"--judge={judge}",
      f"--data={data}", f"--output={output}",
    ],
    cwd=running.ROOT, capture_output=True, text=True, timeout=running.LONG,
    env=running.environment(devices=1),
  )  # fmt: skip
  path = output / "report.json"
  report = json.loads(path.read_text()) if path.exists() else None
  return process.returncode, report, process.stderr


def test_a_model_behind_an_endpoint_is_asked_once(file, tmp_path):
  with Server(honest) as server:
    judge = f"{server.url}#judge-7b"
    code, report, errors = evaluate(judge, file, tmp_path / "out")
    assert code == 0, errors
    assert report["accuracy"] == 1 and not report["simulated"]
    assert len(server.asked) == 12  # both orders
    assert {body["model"] for body in server.asked} == {"judge-7b"}
    code, again, errors = evaluate(judge, file, tmp_path / "out")
    assert code == 0 and len(server.asked) == 12, errors
  assert again == report


def test_scores_of_someone_else(file, tmp_path):
  # Which of the two is `response_1` follows from the id.
  first = {"id": "c0", "query": "q", "response_1": "a", "response_2": "b"}
  scores = write(
    tmp_path / "scores.jsonl",
    [{"id": row["id"], "score_1": 1.5, "score_2": -2} for row in ROWS],
  )
  data = write(
    tmp_path / "placed.jsonl",
    [{**first, "id": row["id"], "label": 1 + i % 2}
     for i, row in enumerate(ROWS)],
  )  # fmt: skip
  code, report, errors = evaluate(f"verdicts:{scores}", data, tmp_path / "out")
  assert code == 0, errors
  assert report["accuracy"] == 0.5 and report["invalid_rate"] == 0


@pytest.mark.parametrize(
  ("judge", "message"),
  [
    ("http://localhost:1/v1", "does not say which model; add #NAME"),
    ("verdicts:/nowhere.jsonl", "/nowhere.jsonl"),
    ("oracle:0.1", "must be http://HOST/v1#NAME, verdicts:FILE.jsonl or"),
  ],
)
def test_mistakes_are_one_line(file, tmp_path, judge, message):
  code, report, errors = evaluate(judge, file, tmp_path / "out")
  assert code == 1 and report is None
  assert message in errors and "Traceback" not in errors
