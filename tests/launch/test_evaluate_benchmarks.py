"""launch.evaluate on benchmarks: their rule and ours."""

import json

from launch import report_card
from rrm_jax.benchmarks import protocol, results
from rrm_jax.records import Comparison
from tests.benchmarks import test_against_data as small
from tests.launch.test_evaluate import evaluate, rows_of


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
    code, printed, errors = evaluate(
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
  code, printed, errors = evaluate(
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
  assert "claude.jsonl:1" in printed
  assert "judgebench/claude is not judged" in errors
  lines = (tmp_path / "results.jsonl").read_text().splitlines()
  assert [json.loads(line)["data"] for line in lines] == [
    "rm-bench",
    "judgebench",
  ]


def test_a_benchmark_of_parts_is_one_if_all_are_there(tmp_path, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(tmp_path))
  small.write_ppe(tmp_path / "ppe")
  small.write_judgebench(tmp_path / "judgebench")
  names = ("judgebench", "ppe/mmlu-pro", "ppe/math", "ppe/gpqa")
  read = [report_card.read(name) for name in names]
  other, ppe = report_card.joined(read)
  assert other == read[0]
  assert (ppe.spec, ppe.benchmark, len(ppe.comparisons)) == ("ppe", "ppe", 15)
  assert ppe.sections == ["MMLU-Pro", "MATH", "GPQA"]
  assert report_card.joined(read[:3]) == read[:3]


def test_no_benchmark_is_there(tmp_path):
  code, _, errors = evaluate(
    "simulated:0.5", "all", tmp_path / "out", shared=tmp_path
  )
  assert code == 1
  assert "error: no benchmark can be read: the data set 'rewardbench'" in errors


def test_a_benchmark_in_part_is_refused_before_a_model_is_loaded(tmp_path):
  small.write_rm_bench(tmp_path)
  path = tmp_path / "total_dataset.json"
  path.write_text(json.dumps(json.loads(path.read_text())[:2]))
  code, _, errors = evaluate(
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
  code, printed, errors = evaluate(
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
  text = "".join(json.dumps(row) + "\n" for row in rows_of(2))
  (tmp_path / "rmb" / "mine.jsonl").write_text(text)
  data = report_card.read("rmb/mine.jsonl")
  assert data.benchmark == "" and len(data.comparisons) == 2
