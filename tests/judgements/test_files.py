"""Files of judgements, as launch.evaluate writes them."""

import json

import pytest

from rrm_jax.judgements import files
from rrm_jax.records import Finish, Invalid, Verdict

ROW = {
  "id": "a",
  "sample": 0,
  "swapped": False,
  "winner": 2,
  "invalid": None,
  "finish": "stopped",
  "prompt_tokens": 9,
  "thinking_tokens": 4,
  "completion_tokens": 7,
  "text": "so\u2028</think> yes",
  "subset": "Chat",
  "label": 1,
  "lengths": [30, 4],
}


def write(folder, *rows):
  path = folder / "judgements.jsonl"
  lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
  path.write_text("".join(lines), encoding="utf-8")
  return path


def test_reads_back(tmp_path):
  invalid = {**ROW, "sample": 1, "winner": None, "invalid": "no box"}
  other = {**ROW, "id": "b", "label": None, "subset": "", "finish": "budget"}
  del other["lengths"]  # as in files that were written before they had any
  path = write(tmp_path, ROW, invalid, other)
  run = files.read(path)
  first, second, third = run.judgements
  assert (first.uid, first.verdict, first.text) == (
    "a",
    Verdict(2),
    "so\u2028</think> yes",
  )
  assert second.verdict == Verdict(None, Invalid.NO_BOX)
  assert third.finish is Finish.BUDGET
  assert {u: (c.label, c.subset) for u, c in run.comparisons.items()} == {
    "a": (1, "Chat"),
    "b": (None, ""),
  }
  assert run.comparisons["b"].source == f"{path}:3"
  assert run.lengths == {"a": (30, 4)}


def test_comparisons_of_one_query_are_known_as_such(tmp_path):
  rows = [
    {**ROW, "id": uid, "query": query}
    for uid, query in (("a", "0f"), ("b", "0f"), ("c", "1e"))
  ]
  older = {**ROW, "id": "d"}
  found = files.read(write(tmp_path, *rows, older)).comparisons
  assert found["a"].conversation == found["b"].conversation != ()
  assert found["c"].conversation not in ((), found["a"].conversation)
  assert found["d"].conversation == ()
  other = {**rows[0], "sample": 1, "query": "1e"}
  with pytest.raises(ValueError, match=r"query='1e' of 'a', where .* '0f'"):
    files.read(write(tmp_path, *rows, other))


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({**ROW, "label": 3}, "label=3 must be 1, 2 or null"),
    (
      {**ROW, "label": 2},
      r"label=2 of 'a', where .*:1 has 1; is this two files in one",
    ),
    ({**ROW, "subset": "x"}, r"subset='x' of 'a', where .*:1 has 'Chat'"),
    ({**ROW, "lengths": [3, 4]}, r"lengths=\(3, 4\) of 'a', .* \(30, 4\)"),
    ({**ROW, "lengths": [3]}, r"lengths=\[3\] must be the characters"),
    ({**ROW, "lengths": [-3, 4]}, r"lengths=\[-3, 4\] must be"),
    ({**ROW, "lengths": [3.5, 4]}, r"lengths=\[3.5, 4\] must be"),
    ({**ROW, "finish": "?"}, r"'\?' is not a valid Finish"),
    ({k: v for k, v in ROW.items() if k != "text"}, "no field 'text'"),
    ([], "list in place of an object"),
  ],
)
def test_bad_rows(tmp_path, row, message):
  with pytest.raises(ValueError, match=rf"1 rows of .*\n  .*:2: .*{message}"):
    files.read(write(tmp_path, ROW, row))


def test_a_run_that_goes_on(tmp_path):
  path = write(tmp_path, ROW, ROW)
  path.write_bytes(path.read_bytes()[:-9])
  with pytest.raises(
    ValueError, match=r"wait for its end:\n.*:2: no valid JSON"
  ):
    files.read(path)
  path.write_bytes(b"")
  with pytest.raises(ValueError, match="has no judgements"):
    files.read(path)
  with pytest.raises(ValueError, match="cannot be read: No such"):
    files.read(tmp_path / "none.jsonl")
