"""Files of candidates: good ones, and each way of being bad."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rrm_jax.data import candidate_sets, candidates, gsm8k
from rrm_jax.records import Candidates, Message

from .published import chat

ROW = {"query": "Why?", "candidates": ["a", "b", "c"]}


def write(path, *rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


@pytest.fixture
def file(tmp_path):
  return tmp_path / "rows.jsonl"


def test_a_row_is_read_as_it_stands(file):
  turns = [{"role": "user", "content": "Why?"}]
  write(
    file,
    {**ROW, "id": 7, "correct": [True, False, 1], "subset": "easy"},
    {"conversation": turns, "candidates": ["x", "x"]},
  )
  first, second = candidates.read_candidates(str(file))
  assert first == Candidates(
    uid="7",
    conversation=(Message("user", "Why?"),),
    responses=("a", "b", "c"),
    correct=(True, False, True),
    subset="easy",
    source=f"{file}:1",
  )
  assert (second.uid, second.correct) == ("rows.jsonl:2", None)
  assert second.responses == ("x", "x")


@pytest.mark.parametrize(
  "asked",
  [
    {"prompt": "q"},
    {"prompt": chat("q")},
    {"question": "q"},
    {"problem": "q"},
    {"messages": chat("q")},
    {"instruction": "q", "input": ""},
    {"question": "q", "problem": "of which set"},
  ],
)
@pytest.mark.parametrize(
  "name", ["candidates", "responses", "completions", "generations"]
)
def test_other_names(file, asked, name):
  write(file, {**asked, name: ["a", "b"], "correct": [1.0, 0.0]})
  [found] = candidates.read_candidates(file)
  assert found.conversation == (Message("user", "q"),)
  assert found.responses == ("a", "b")
  assert found.correct == (True, False)


def test_tables_are_read_as_lines_are(tmp_path):
  right = {**ROW, "correct": [True, False, True]}
  rows = [{**right, "id": None}, {**right, "id": "mine"}]
  json_file, parquet = tmp_path / "rows.json", tmp_path / "rows.parquet"
  json_file.write_text(json.dumps(rows))
  pq.write_table(pa.Table.from_pylist(rows), parquet)
  lines = candidate_sets.resolve(str(write(tmp_path / "rows.jsonl", *rows)))
  for path in (json_file, parquet):
    found = candidate_sets.resolve(str(path))
    assert [one.uid for one in found] == [f"{path.name}: row 0", "mine"]
    for one, other in zip(found, lines, strict=True):
      assert one.responses == other.responses
      assert one.correct == other.correct


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ([], "the row is .*must be an object"),
    ({"query": "Why?"}, "candidates=null must be a list"),
    (
      {**ROW, "correct": [1.0, 0.5, 0]},
      r"correct\[1\]=0.5 must be true or false",
    ),
    (
      {"question": "?", "instruction": "?", "candidates": ["a", "b"]},
      "question and instruction, each of which could be the query",
    ),
    (
      {"query": "?", "responses": ["a"], "completions": ["b"]},
      "responses and completions, each of which could be the candidates",
    ),
    ({**ROW, "candidates": "ab"}, "candidates='ab' must be a list"),
    ({**ROW, "candidates": ["a"]}, "candidates has 1 of the two or more"),
    ({**ROW, "candidates": []}, "candidates has 0 of the two or more"),
    ({**ROW, "candidates": ["a", " "]}, r"candidates\[1\]=' ' is empty"),
    ({**ROW, "candidates": ["a", 3]}, r"candidates\[1\]=3 must be a text"),
    ({**ROW, "correct": [True]}, "correct=.* must be a list of 3 trues"),
    ({**ROW, "correct": "yes"}, "correct='yes' must be a list of 3"),
    (
      {**ROW, "correct": [True, "no", False]},
      r"correct\[1\]='no' must be true or false",
    ),
    (
      {**ROW, "correct": [True, 2, False]},
      r"correct\[1\]=2 must be true or false",
    ),
    (
      {"query": "?", "candidates": ["a", "b", "a"], "correct": [1, 0, 0]},
      r"candidates\[0\] and candidates\[2\] are the same text",
    ),
    ({"candidates": ["a", "b"]}, "neither of query and conversation"),
    ({**ROW, "id": []}, r"id=\[\] must be a text"),
    ({**ROW, "subset": 3}, "subset=3 must be a text"),
  ],
)
def test_bad_rows_are_named(file, row, message):
  write(file, {**ROW, "id": "good"}, row)
  with pytest.raises(ValueError, match=rf"(?s)1 of 2 rows .*:2: .*{message}"):
    candidates.read_candidates(file)


def test_duplicate_ids_name_both_lines(file):
  write(file, {**ROW, "id": "x"}, {**ROW, "id": "y"}, {**ROW, "id": "x"})
  with pytest.raises(ValueError, match=":3: id 'x' is that of line 1 too"):
    candidates.read_candidates(file)


def test_what_a_tournament_reads_may_be_empty_and_is_counted(file, caplog):
  write(file, {**ROW, "candidates": ["a", ""]}, {**ROW, "query": "How?"})
  with caplog.at_level("INFO"):
    found = candidate_sets.resolve(str(file))
  assert [group.responses for group in found] == [("a", ""), ("a", "b", "c")]
  assert caplog.messages == [f"{file}: 1 have an empty answer"]


def test_empty_candidates_can_be_allowed(file):
  write(file, {**ROW, "candidates": ["a", ""]})
  [row] = candidates.read_candidates(file, allow_empty=True)
  assert row.responses == ("a", "")


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    ("so 12 and 1,204 eggs", "1204"),
    ("7 * 12 = 84\nA: 84.0", "84"),
    ("$\\boxed{18}$ dollars for 7 days", "18"),
    ("\\boxed{} 5 left", "5"),
    ("costs -.5", "-0.5"),
    ("none", None),
  ],
)
def test_the_final_number(text, answer):
  assert gsm8k.final_number(text) == answer


def test_a_name_or_a_file(file, tmp_path, monkeypatch):
  write(file, ROW)
  assert len(candidate_sets.resolve(str(file))) == 1
  with pytest.raises(ValueError, match=r"cannot be read.* the names .*, gsm8k"):
    candidate_sets.resolve(str(tmp_path / "none"))
  monkeypatch.delenv("RRM_SHARED", raising=False)
  with pytest.raises(ValueError, match="RRM_SHARED names, and it is not set"):
    candidate_sets.resolve("gsm8k")


def test_gsm8k_is_whole_and_right(shared_data):
  groups = gsm8k.read_groups(shared_data / "gsm8k").items
  assert len(groups) == 1319
  assert {len(group.responses) for group in groups} == {6}
  right = [
    sum(flags) for flags in zip(*(g.correct for g in groups), strict=True)
  ]
  # Published: the first four with the data; 84.3 and 80.7 % by ToRA's metrics.
  assert right == [286, 515, 458, 742, 1112, 1062]
  with (shared_data / "gsm8k" / "test.jsonl").open() as lines:
    for group, line in zip(groups, lines, strict=True):
      row = json.loads(line)
      assert row["question"] == group.conversation[-1].content
      answer = f"{float(row['answer'].split('####')[1].replace(',', '')):g}"
      for text, correct in zip(group.responses, group.correct, strict=True):
        # ToRA's own flags read what a program printed; 4 texts end otherwise.
        if "```" not in text:
          assert (gsm8k.final_number(text) == answer) == correct


def test_gsm8k_s_parts_must_belong_together(shared_data, tmp_path):
  for name in ("tora-70b-v1.0", "tora-code-34b-v1.0"):
    lines = (
      (shared_data / "tora_gsm8k" / f"{name}.gsm8k.test.jsonl")
      .read_text()
      .splitlines()
    )
    lines[0], lines[1] = lines[1], lines[0]
    (tmp_path / f"{name}.gsm8k.test.jsonl").write_text("\n".join(lines))
  with pytest.raises(ValueError, match=r"(?s)2 of 1319 .* ToRA's question is"):
    gsm8k.read_groups(shared_data / "gsm8k", tmp_path)
  for name in ("tora-70b-v1.0", "tora-code-34b-v1.0"):
    (tmp_path / f"{name}.gsm8k.test.jsonl").write_text("{}\n")
  wrong = r"(?s)1319 of 1319 .*other fields.*has 1 rows"
  with pytest.raises(ValueError, match=wrong):
    gsm8k.read_groups(shared_data / "gsm8k", tmp_path)
