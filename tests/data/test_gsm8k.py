"""Pairs of GSM8K's released solutions: by hand, and all of them."""

import json
import re

import pytest

from rrm_jax.data import gsm8k, public_sets

from .published import write_lines

FILE = "example_model_solutions.jsonl"


def gsm8k_row(question, *solutions):
  return {
    "question": question,
    "ground_truth": "Six and a half dozen.\nA: 84",
    **{
      f"model_{number}": {"is_correct": correct, "solution": text}
      for number, (correct, text) in enumerate(solutions)
    },
  }


def test_gsm8k_pairs_by_hand(tmp_path):
  path = write_lines(
    tmp_path / FILE,
    [
      gsm8k_row("None right?", (False, "A: 1"), (False, "A: 2")),
      gsm8k_row(
        "How many?",
        (True, "7 * 12 = <<7*12=84>>84\nA: 84"),
        (False, "7 + 12 = <<7+12=19 eggs.\nA: 19"),
        (True, "A: 84.0"),
        (False, "I give up."),
      ),
    ],
  )
  pairs = gsm8k.read(tmp_path).items
  assert [pair.uid for pair in pairs] == [
    "gsm8k-0001-0-1",
    "gsm8k-0001-0-3",
    "gsm8k-0001-2-1",
    "gsm8k-0001-2-3",
  ]
  assert {pair.source for pair in pairs} == {f"{path}:2"}
  first = pairs[0]
  assert first.query == "How many?"
  assert first.responses[first.label - 1] == "7 * 12 = 84\nA: 84"
  assert first.responses[2 - first.label] == "7 + 12 =  eggs.\nA: 19"


def test_gsm8k_flags_are_checked(tmp_path):
  row = gsm8k_row("How many?", (True, "A: 84"), (True, "A: 48"))
  write_lines(tmp_path / FILE, [row])
  with pytest.raises(
    ValueError,
    match=r"jsonl:1: model_1.is_correct=True .* ends in 48.0, where 84.0",
  ):
    gsm8k.read(tmp_path)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{}\n", r"1 of 1 rows .*\n.*:1: .* no field question, ground_truth; it"),
    ("[]\n", r"solutions\.jsonl:1 is list, must be an object"),
    ("{\n", r"solutions\.jsonl:1: column 2: no valid JSON"),
    ("\n", "has no rows"),
    ("", "is empty"),
  ],
)
def test_gsm8k_files_of_another_form_are_refused(tmp_path, text, message):
  (tmp_path / FILE).write_text(text)
  with pytest.raises(ValueError, match=message):
    gsm8k.read(tmp_path)


def test_gsm8k_is_whole_and_right(shared_data):
  pairs = gsm8k.read(shared_data / "gsm8k").items
  assert len(pairs) == 2429
  assert len({pair.query for pair in pairs}) == 731
  assert len({pair.uid for pair in pairs}) == 2429
  assert abs(sum(pair.label == 1 for pair in pairs) - 1214.5) < 4 * 25
  assert not any("<<" in text for pair in pairs for text in pair.responses)
  answers = {}
  with (shared_data / "gsm8k" / "test.jsonl").open() as lines:
    for line in lines:
      row = json.loads(line)
      number = row["answer"].split("####")[1].replace(",", "")
      answers[row["question"]] = float(number)
  for pair in pairs:
    ends = [
      re.search(r"A: *\$?(\S*)\Z", text.strip()) for text in pair.responses
    ]
    right = [
      end is not None and as_number(end[1]) == answers[pair.query]
      for end in ends
    ]
    assert right == [pair.label == 1, pair.label == 2], pair.uid


def as_number(text):
  try:
    return float(text.replace(",", ""))
  except ValueError:
    return None


def test_gsm8k_splits_share_no_question(shared_data, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  everything = public_sets.resolve("gsm8k")
  train = public_sets.resolve("gsm8k/train")
  test = public_sets.resolve("gsm8k/test")
  assert not {row.query for row in train} & {row.query for row in test}
  assert {row.uid for row in everything} == {row.uid for row in train + test}
  assert (len(train), len(test)) == (2166, 263)
