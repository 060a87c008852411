"""launch.tournament on a trained workdir, killed and not, and simulated."""

import json
import subprocess
import sys

import pytest

from rrm_jax import config
from rrm_jax.benchmarks import rewardbench2
from rrm_jax.data import arithmetic
from tests.data.published import write_parquet
from tests.launch import running
from tests.tournament.test_html_page import Parser

TASK = config.Data(max_terms=4)


def _start(candidates, output, *more):
  return subprocess.Popen(
    [
      sys.executable, "-m", "launch.tournament",
      f"--candidates={candidates}", f"--output={output}",
      "--config.sampling.max_new_tokens=8", "--config.engine.slots=8",
      "--config.resamples=50", *more,
    ],
    cwd=running.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    text=True, env=running.environment(devices=1),
  )  # fmt: skip


def _play(candidates, output, *more):
  process = _start(candidates, output, *more)
  printed, errors = process.communicate(timeout=running.LONG)
  return process.returncode, printed, errors


def _groups(num, size):
  """Queries of the built-in task with digits to choose from, one right."""
  rows = []
  for i in range(num):
    made = arithmetic.comparison(TASK, 5, "test", i)
    right = made.responses[made.label - 1]
    others = [str(n) for n in range(10) if str(n) != right]
    texts = [*others[: size - 1], right]
    rows.append(
      {
        "id": made.uid,
        "query": made.query,
        "candidates": texts,
        "correct": [text == right for text in texts],
        "subset": made.subset,
      }
    )
  return rows


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "candidates.jsonl"
  path.write_text(
    "".join(json.dumps(row) + "\n" for row in _groups(12, 6))
  )  # fmt: skip
  return path


def _lines(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def test_killed_in_a_round_robin_and_run_again_is_the_same(
  whole, file, tmp_path
):
  _, workdir, _, _ = whole
  flags = (f"--model={workdir}", "--strategy=round_robin", "--answer=number")
  flags += ("--config.schedule.games=2",)
  code, printed, errors = _play(file, tmp_path / "whole", *flags)
  assert code == 0, errors
  assert "round_robin" in printed and "oracle" in printed
  output = tmp_path / "killed"
  for least in (1, 150):
    running.kill_after(_start(file, output, *flags), output / "cache", least)
  before = len(running.cached(output / "cache"))
  assert 150 <= before < 360
  code, _, errors = _play(file, output, *flags)
  assert code == 0, errors
  assert f"{before} judgements of this judge" in errors
  keys = running.cached(output / "cache")
  assert len(keys) == len(set(keys)) == 12 * 15 * 2
  files = ("report.json", "report.html", "matches.jsonl", "judgements.jsonl")
  for name in files:
    one, other = (
      (folder / name).read_text().replace(str(folder), "")
      for folder in (tmp_path / "whole", output)
    )
    assert one == other and len(one) > 1_000


def test_knockout_shares_judgements_with_the_round_robin(whole, file, tmp_path):
  """A question hangs on its pair alone, so strategies share a cache."""
  _, workdir, _, _ = whole
  shared = (f"--model={workdir}", f"--cache={tmp_path / 'cache'}")
  code, _, errors = _play(
    file, tmp_path / "all", *shared, "--strategy=round_robin"
  )
  assert code == 0, errors
  made = running.cached(tmp_path / "cache")
  output = tmp_path / "knockout"
  code, printed, errors = _play(file, output, *shared, "--strategy=knockout")
  assert code == 0, errors
  assert running.cached(tmp_path / "cache") == made
  report = json.loads((output / "report.json").read_text())
  matches = _lines(output / "matches.jsonl")
  judged = _lines(output / "judgements.jsonl")
  assert report["judgements"] == len(matches) == len(judged) == 12 * 5
  assert {row["id"] for row in judged} == {row["comparison"] for row in matches}
  for result in report["results"]:
    own = [row for row in matches if row["id"] == result["id"]]
    assert len(own) == 5 and own[-1]["advanced"] == result["chosen"]
  assert report["best_of"]["oracle"]["accuracy"] == 1.0
  assert report["best_of"]["random"]["accuracy"] == pytest.approx(1 / 6, 1e-3)
  assert report["simulated"] is False and "SIMULATED" not in printed
  assert "round 3: 12 of 12 prompts" in errors


def test_a_simulated_judge_is_told_as_one(file, tmp_path):
  output = tmp_path / "out"
  code, printed, errors = _play(
    file, output, "--judge=simulated:0", "--strategy=swiss"
  )
  assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  assert report["model"] == "simulated:0" and report["simulated"] is True
  assert "SIMULATED" in printed
  assert report["judge"]["accuracy"] == 1.0
  assert report["best_of"]["chosen"]["accuracy"] == 1.0
  output = tmp_path / "wrong"
  code, _, _ = _play(file, output, "--judge=simulated:1", "--strategy=knockout")
  report = json.loads((output / "report.json").read_text())
  assert report["best_of"]["chosen"]["accuracy"] == 0.0


def test_a_judge_that_never_decides(whole, file, tmp_path):
  _, workdir, _, _ = whole
  code, printed, errors = _play(
    file, tmp_path / "out", f"--model={workdir}", "--strategy=active",
    "--config.sampling.max_new_tokens=1",
  )  # fmt: skip
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  assert report["judge"]["invalid_rate"] == 1.0
  assert report["consistency"]["triples"] == 0
  for result in report["results"]:
    assert len(set(result["ratings"])) == 1
  assert report["best_of"]["chosen"] == report["best_of"]["random"]
  assert "100.0" in printed and "Traceback" not in errors


def test_a_benchmark_is_scored_by_its_rule(tmp_path):
  path = tmp_path / "data/test-00000-of-00001.parquet"
  row = {"prompt": "q", "chosen": ["a"], "rejected": ["b", "c", "d"]}
  rows = [
    {"id": str(place), **row, "subset": name}
    for place, name in enumerate(rewardbench2.SUBSETS[:5])
  ]
  ties = {"prompt": "q", "chosen": ["a", "b"], "rejected": ["c"]}
  rows += [{"id": "ref:1", **row, "subset": "Ties"}]
  file = f"rewardbench2={tmp_path}"
  flags = ("--judge=simulated:0", "--strategy=round_robin")
  write_parquet(path, rows)
  code, _, errors = _play(file, tmp_path / "out", *flags)
  assert code == 1 and "no prompt is there both as" in errors
  write_parquet(path, [*rows, {"id": "tied:1", **ties, "subset": "Ties"}])
  code, printed, errors = _play(file, tmp_path / "out", *flags)
  assert code == 0, errors
  report = json.loads((tmp_path / "out" / "report.json").read_text())
  sections = report["published"]["sections"]
  assert {sections[name] for name in rewardbench2.SUBSETS[:5]} == {1.0}
  # The judge tosses a coin between right answers.
  assert 0.59 <= sections["Ties"] <= 1.01
  assert "By the benchmark's rule" in printed and "Precise IF" in printed


def test_what_people_look_at(file, tmp_path):
  flags = ("--judge=simulated:0.2", "--config.schedule.games=2")
  other = tmp_path / "other"
  code, _, errors = _play(file, other, *flags, "--strategy=round_robin")
  assert code == 0, errors
  output = tmp_path / "out"
  flags += ("--strategy=knockout", f"--beside={other}")
  code, printed, errors = _play(file, output, *flags)
  assert code == 0, errors
  report = json.loads((output / "report.json").read_text())
  assert list(report["curves"]) == ["knockout, 2 games", "round robin, 2 games"]
  page = (output / "report.html").read_text()
  assert json.loads(Parser(page).texts["report-data"]) == report
  assert "out/report.html" in printed
  for name in ("curves", "leaderboard"):
    assert f"plots/{name}.png" in printed
    assert (output / "plots" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--strategy=knokout"], "did you mean knockout?"),
    (["--model=x"], "give one of --model and --judge"),
    (["--judge="], "give one of --model and --judge"),
    (["--judge=simulated:2"], "must be simulated:E with a share E of errors"),
    (["--judge=oracle:0.1"], "verdicts:FILE.jsonl or simulated:E"),
    (["--output=/dev/null/out"], "--output=/dev/null/out: "),
    (["--candidates=/dev/null"], "/dev/null has no rows"),
    (["--candidates=/nowhere"], "or one of the names arithmetic"),
    (
      ["--strategy=active", "--config.schedule.budget=4"],
      "budget=4 is below 5, the fewest judgements",
    ),
    (["--judge=", "--model=/nowhere"], "config.json does not exist"),
    (["--beside=/nowhere"], "/nowhere/report.json cannot be read"),
  ],
)
def test_mistakes_are_one_line(file, tmp_path, flags, message):
  code, _, errors = _play(
    file, tmp_path / "out", "--judge=simulated:0.1", *flags
  )
  assert code == 1
  assert errors.startswith("error: ") and message in errors
  assert len(errors.splitlines()) == 1


def test_the_report_of_another_run_is_not_lost(file, tmp_path):
  output = tmp_path / "out"
  assert _play(file, output, "--judge=simulated:0.1")[0] == 0
  assert _play(file, output, "--judge=simulated:0.1")[0] == 0
  code, _, errors = _play(file, output, "--judge=simulated:0.2")
  assert code == 1
  assert "model='simulated:0.1' there, 'simulated:0.2' now; choose" in errors


def test_a_simulated_judge_must_know_what_is_correct(file, tmp_path):
  with file.open("a") as more:
    more.write('{"id": "x", "query": "+1 . . .", "candidates": ["1", "2"]}\n')
  code, _, errors = _play(file, tmp_path / "out", "--judge=simulated:0.1")
  assert code == 1
  assert f"`correct`, which 'x' ({file}:13) lacks" in errors


def test_rows_that_make_no_sense_are_named(file, tmp_path):
  with file.open("a") as more:
    more.write('{"query": "+1 . . .", "candidates": []}\n')
    more.write('{"query": "+1 . . .", "candidates": ["1", 2]}\n')
  code, _, errors = _play(file, tmp_path / "out", "--judge=simulated:0.1")
  assert code == 1
  assert f"{file}:13" in errors and f"{file}:14" in errors
  assert "Traceback" not in errors
