"""launch.judge: reasoning as it is written, then the verdict."""

import re
import subprocess
import sys

from tests.launch import running

QUERY = "+3 -9 *7 ."


def judged(model, *more, query=QUERY):
  process = subprocess.run(
    [
      sys.executable, "-m", "launch.judge", f"--model={model}",
      f"--query={query}", "--response_1=8", "--response_2=3",
      "--config.sampling.max_new_tokens=12", *more,
    ],
    cwd=running.ROOT, capture_output=True, text=True, timeout=running.LONG,
    env=running.environment(devices=1),
  )  # fmt: skip
  return process.returncode, process.stdout, process.stderr


def test_text_and_verdict(whole):
  _, workdir, _, _ = whole
  code, printed, errors = judged(
    workdir, "--config.sampling.thinking_budget=0", "--config.samples=3"
  )
  assert code == 0, errors
  *votes, last = printed.strip().splitlines()
  assert len(votes) == 6
  winners = []
  for text, said in zip(votes[::2], votes[1::2], strict=True):
    boxed = re.fullmatch(r".*\\boxed\{Assistant ([12])\}", text)
    assert boxed, text
    assert said.startswith(f"--- response {boxed[1]} is better (")
    assert re.search(
      r"\(\d+ tokens of thought, \d+ in all, \w+, .* tokens/s", said
    )
    winners.append(boxed[1])
  ones = winners.count("1")
  assert last == f"votes: response 1 {ones}, response 2 {3 - ones}, none 0"
  # The same again, word for word; only the seconds differ.
  again = judged(
    workdir, "--config.sampling.thinking_budget=0", "--config.samples=3"
  )[1]
  assert again.strip().splitlines()[::2] == printed.strip().splitlines()[::2]


def test_mistakes_are_one_line(whole, tmp_path):
  _, workdir, _, _ = whole
  code, _, errors = judged(workdir, query=f"@{tmp_path / 'gone'}")
  assert code == 1 and "gone" in errors and "Traceback" not in errors
  code, _, errors = judged(workdir, query="hello")
  assert code == 1 and "no token begins at" in errors
  assert "Traceback" not in errors
