"""Real text, the exact Qwen2 tokenizer and its vocabulary, end to end."""

import json
import resource

from tests.launch import running

CONFIG = running.ROOT / "configs" / "gsm8k_smoke.py"
GIB = 2**20  # ru_maxrss counts KiB


def test_rl_steps_on_gsm8k(shared_data, tmp_path):
  code, _, errors = running.run(
    CONFIG, tmp_path, "--config.stages.rl.steps=2", "--config.evaluation.after="
  )
  assert code == 0, errors
  assert "3 of 2166 left out" in errors
  rows = running.rows(tmp_path)
  assert [row["step"] for row in rows] == [0, 1]
  for row in rows:
    # The budget forces a verdict on every random row, so all are valid: 24
    # tokens of thought, the closing text, the choice, the ending, the stop.
    assert row["invalid"] == 0 and row["thinking_tokens"] == 24
    assert row["logprob_difference"] < 1e-5
  text = (tmp_path / "rollouts" / "rl-000000.txt").read_text()
  assert "\\boxed{Assistant" in text and "query: " in text
  report = json.loads((tmp_path / "report.json").read_text())
  assert report["models"] == {}
  used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
  assert used < 8 * GIB
