"""Final answers held against references."""

import json

import pytest

from rrm_jax.data import samples, verifier
from rrm_jax.data.verifier import Finding


@pytest.mark.parametrize(
  ("solution", "answer", "finding"),
  [
    ("6 * 3 = 18\n#### 18", "18", Finding.RIGHT),
    ("#### 18\nCheck: 3 * 6 = 18, and 7 remain.", "18", Finding.RIGHT),
    ("#### 7\nNo, wait.\n#### 18", "18", Finding.RIGHT),
    ("A: $1,000", "1000", Finding.RIGHT),
    ("It is \\boxed{0.5}.", "\\frac{1}{2}", Finding.RIGHT),
    ("It is \\boxed{1 + x^2}.", "x^2+1", Finding.RIGHT),
    ("It is \\boxed{(1, 2]}.", "(1,2]", Finding.RIGHT),
    ("Of 18 eggs, \\boxed{17} are left.", "18", Finding.WRONG),
    ("It is $\\boxed{35.0\\%}$.", "35", Finding.RIGHT),
    ("#### 35%", "0.35", Finding.RIGHT),
    ("It is $\\boxed{0.35\\%}$.", "0.35", Finding.WRONG),
    ("#### 35%", "36", Finding.WRONG),
    ("#### 81", "18", Finding.WRONG),
    ("I give up.", "18", Finding.MISSING),
    ("", "18", Finding.MISSING),
  ],
)
def test_by_hand(solution, answer, finding):
  assert verifier.verify(solution, answer) is finding


@pytest.mark.parametrize("answer", ["", "  "])
def test_an_empty_reference(answer):
  with pytest.raises(ValueError, match="cannot be read"):
    verifier.verify("#### 18", answer)


def test_agrees_with_the_released_marks(shared_data):
  """On 400 of GSM8K's verified solutions, and their references."""
  folder = shared_data / "gsm8k"
  with (folder / "example_model_solutions.jsonl").open() as lines:
    rows = [
      json.loads(line) for _, line in zip(range(100), lines, strict=False)
    ]
  seen = {True: 0, False: 0}
  for row in rows:
    answer = row["ground_truth"].rpartition("A:")[2].strip()
    for name in row.keys() - {"question", "ground_truth"}:
      right = verifier.verify(row[name]["solution"], answer) is Finding.RIGHT
      assert right == row[name]["is_correct"], row[name]
      seen[right] += 1
  assert min(seen.values()) > 100
  references = samples.gsm8k_references(folder, "test").items
  assert references[0].response.endswith("#### 18")
  assert verifier.verify(references[0].response, "18") is Finding.RIGHT
