"""The planner as a user starts it."""

import json

from tests.tools.test_binaries import call, fails

MODULE = "tools.plan_tournament"


def test_imagined_prompts(tmp_path):
  code, printed, _ = call(
    MODULE, "--candidates=3", "--prompts=12", "--errors=0", "--probability=1",
    f"--output={tmp_path / 'out'}",
  )  # fmt: skip
  assert code == 0
  assert "random 0.333, oracle 1.000" in printed
  plan = json.loads((tmp_path / "out" / "plan.json").read_text())
  assert {"error": 0.0, "strategy": "knockout", "judgements": 2.0} in plan[
    "needed"
  ]
  assert (tmp_path / "out" / "plan.png").read_bytes()[:4] == b"\x89PNG"


def test_real_prompts(tmp_path):
  row = {"query": "1 + 1?", "candidates": ["is 2", "2.0", "3"]}
  file = tmp_path / "rows.jsonl"
  file.write_text(json.dumps({**row, "correct": [True, True, False]}))
  flags = f"--data={file}", "--errors=0.1", f"--output={tmp_path / 'out'}"
  code, printed, _ = call(MODULE, *flags)
  assert code == 0
  assert "random 0.667, oracle 1.000, majority 1.000" in printed
  file.write_text(json.dumps(row))
  assert "does not say which candidates are correct" in fails(MODULE, *flags)


def test_bad_flags(tmp_path):
  output = f"--output={tmp_path}"
  assert "--errors=a,b must be numbers" in fails(MODULE, "--errors=a,b", output)
  assert "candidates=1 must be" in fails(MODULE, "--candidates=1", output)
  assert "or one of the names" in fails(MODULE, "--data=none", output)
