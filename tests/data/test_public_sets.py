"""Named sets: small ones made here, and the real ones where they are."""

import collections
import json
import re

import pytest

from rrm_jax.data import public_sets


def gsm8k_row(question, *solutions):
  return {
    "question": question,
    "ground_truth": "Six and a half dozen.\nA: 84",
    **{
      f"model_{number}": {"is_correct": correct, "solution": text}
      for number, (correct, text) in enumerate(solutions)
    },
  }


def write_gsm8k(folder, *rows):
  path = folder / "solutions.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def test_gsm8k_pairs_by_hand(tmp_path):
  path = write_gsm8k(
    tmp_path,
    gsm8k_row("None right?", (False, "A: 1"), (False, "A: 2")),
    gsm8k_row(
      "How many?",
      (True, "7 * 12 = <<7*12=84>>84\nA: 84"),
      (False, "7 + 12 = <<7+12=19 eggs.\nA: 19"),
      (True, "A: 84.0"),
      (False, "I give up."),
    ),
  )
  pairs = public_sets.read_gsm8k_pairs(path)
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
  path = write_gsm8k(tmp_path, row)
  with pytest.raises(
    ValueError,
    match=r"jsonl:1: model_1.is_correct=True .* ends in 48.0, where 84.0",
  ):
    public_sets.read_gsm8k_pairs(path)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{}\n", r"1 of 1 rows .*\n.*:1: no GSM8K row: KeyError\('question'\)"),
    ("[]\n", r"1 of 1 rows .*\n.*:1: no GSM8K row: TypeError"),
    ("{\n", r"solutions\.jsonl:1: column 2: no valid JSON"),
    ("", "has no rows"),
  ],
)
def test_gsm8k_files_of_another_form_are_refused(tmp_path, text, message):
  path = tmp_path / "solutions.jsonl"
  path.write_text(text)
  with pytest.raises(ValueError, match=message):
    public_sets.read_gsm8k_pairs(path)


def test_a_missing_file_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"Natural/dataset\.json cannot be read"):
    public_sets.read_llmbar(tmp_path)


def test_llmbar_rows_are_checked(tmp_path):
  path = tmp_path / "Natural" / "dataset.json"
  path.parent.mkdir()
  good = {"input": "q", "output_1": "a", "output_2": "b", "label": 1}
  path.write_text(json.dumps([good, {**good, "label": 3}, {"input": "q"}]))
  with pytest.raises(ValueError) as caught:
    public_sets.read_llmbar(tmp_path)
  lines = str(caught.value).split("\n")
  assert lines[0].startswith("2 of 3 rows")
  assert lines[1].endswith(
    "row 1: label=3 must be the number 1 or 2, or be left out"
  )
  assert "row 2: the row must have input, output_1, output_2" in lines[2]


def test_resolve_reads_a_file(tmp_path):
  path = tmp_path / "rows.jsonl"
  row = {"query": "q", "response_1": "a", "response_2": "b", "label": 1}
  path.write_text(json.dumps(row))
  [found] = public_sets.resolve(str(path))
  assert found.responses == ("a", "b")
  path.write_text("{}")
  with pytest.raises(ValueError, match="1 of 1 rows") as caught:
    public_sets.resolve(str(path))
  assert "names" not in str(caught.value)


def test_resolve_names_what_it_knows():
  with pytest.raises(
    ValueError,
    match=r"llmbr cannot be read.* or one of the names llmbar, gsm8k",
  ):
    public_sets.resolve("llmbr")


@pytest.mark.parametrize("spec", ["llmbar", "gsm8k", "gsm8k/test"])
def test_resolve_names_the_variable(monkeypatch, tmp_path, spec):
  monkeypatch.delenv("RRM_SHARED", raising=False)
  with pytest.raises(ValueError, match="RRM_SHARED names, and it is not set"):
    public_sets.resolve(spec)
  monkeypatch.setenv("RRM_SHARED", str(tmp_path / "none"))
  with pytest.raises(ValueError, match=r"RRM_SHARED names, and it is '.*none'"):
    public_sets.resolve(spec)
  monkeypatch.setenv("RRM_SHARED", str(tmp_path))
  with pytest.raises(ValueError, match="cannot be read"):
    public_sets.resolve(spec)


def test_llmbar_is_whole(shared_data):
  rows = public_sets.read_llmbar(shared_data / "llmbar" / "LLMBar")
  assert collections.Counter(row.subset for row in rows) == {
    "natural": 100,
    "adversarial/neighbor": 134,
    "adversarial/gptinst": 92,
    "adversarial/gptout": 47,
    "adversarial/manual": 46,
  }
  assert len({row.uid for row in rows}) == 419
  # Published: how often the longer output is the better one.
  longer = collections.defaultdict(list)
  for row in rows:
    first, second = map(len, row.responses)
    longer[row.subset].append((first > second) == (row.label == 1))
  rates = {name: sum(hits) / len(hits) for name, hits in longer.items()}
  assert rates["natural"] == pytest.approx(0.56, abs=0.02)
  assert rates["adversarial/neighbor"] == pytest.approx(0.12, abs=0.02)


def test_gsm8k_is_whole_and_right(shared_data):
  file = shared_data / "gsm8k" / "example_model_solutions.jsonl"
  pairs = public_sets.read_gsm8k_pairs(file)
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
