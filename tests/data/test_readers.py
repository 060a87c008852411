"""Files of comparisons: good ones, and each way of being bad."""

import json

import pytest

from rrm_jax.data import readers
from rrm_jax.records import Comparison, Message

RANKED = {"query": "Why?", "chosen": "good", "rejected": "bad"}
PLACED = {"query": "Why?", "response_1": "a", "response_2": "b", "label": 2}


def write(path, *rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


@pytest.fixture
def file(tmp_path):
  return tmp_path / "rows.jsonl"


def test_placed_responses_keep_their_order(file):
  write(file, {**PLACED, "id": "one", "subset": "chat"})
  assert readers.read_jsonl(str(file)) == [
    Comparison(
      uid="one",
      conversation=(Message("user", "Why?"),),
      responses=("a", "b"),
      label=2,
      subset="chat",
      source=f"{file}:1",
    )
  ]


def test_ranked_responses_are_ordered_by_the_id(file):
  write(file, *({**RANKED, "id": f"row-{i}"} for i in range(400)))
  rows = readers.read_jsonl(file)
  for row in rows:
    assert row.responses[row.label - 1] == "good"
    assert sorted(row.responses) == ["bad", "good"]
  assert abs(sum(row.label == 1 for row in rows) - 200) < 4 * 10
  # sha256 is what it is: these two stay as they are on every machine.
  assert [row.label for row in rows[:8]] == [1, 2, 1, 1, 1, 2, 1, 1]
  # A row's order does not depend on its neighbours.
  write(file, {**RANKED, "id": "row-5"})
  assert readers.read_jsonl(file)[0].responses == rows[5].responses


def test_rows_without_id_are_named_by_file_and_line(file):
  file.write_text("\n\n" + json.dumps(PLACED) + "\n")
  [row] = readers.read_jsonl(file)
  assert (row.uid, row.source) == ("rows.jsonl:3", f"{file}:3")


def test_numbers_serve_as_ids(file):
  write(file, {**PLACED, "id": 0}, {**PLACED, "id": 17})
  assert [row.uid for row in readers.read_jsonl(file)] == ["0", "17"]


def test_a_label_of_a_table_of_floats(file):
  write(file, {**PLACED, "label": 2.0})
  [found] = readers.read_jsonl(file)
  assert found.label == 2 and type(found.label) is int


@pytest.mark.parametrize("missing", [{}, {"label": None}])
def test_a_label_may_be_absent(file, missing):
  row = {key: PLACED[key] for key in ("query", "response_1", "response_2")}
  write(file, {**row, **missing, "id": None, "subset": None})
  [found] = readers.read_jsonl(file)
  assert (found.label, found.subset) == (None, "")


def test_a_conversation_keeps_its_turns(file):
  turns = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Why?", "name": "ignored"},
  ]
  row = {key: PLACED[key] for key in ("response_1", "response_2", "label")}
  write(file, {**row, "conversation": turns})
  [found] = readers.read_jsonl(file)
  assert found.conversation == tuple(
    Message(turn["role"], turn["content"]) for turn in turns
  )
  assert found.query == "Why?"


def test_separators_inside_texts_break_no_lines(file):
  query = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\nh\ri"
  file.write_bytes(
    json.dumps({**PLACED, "query": query}, ensure_ascii=False).encode()
    + b"\r\n  \t\r\n"
    + json.dumps(PLACED).encode()  # and no line feed at the end
  )
  first, second = readers.read_jsonl(file)
  assert first.query == query
  assert second.source.endswith(":3")


def test_a_byte_order_mark_is_accepted(file):
  file.write_bytes(b"\xef\xbb\xbf" + json.dumps(PLACED).encode())
  assert readers.read_jsonl(file)[0].query == "Why?"


def test_empty_responses_are_an_error_unless_allowed(file):
  write(file, {**PLACED, "response_2": ""})
  with pytest.raises(ValueError, match="response_2='' is empty"):
    readers.read_jsonl(file)
  assert readers.read_jsonl(file, allow_empty=True)[0].responses == ("a", "")
  write(file, {**PLACED, "query": " "})
  with pytest.raises(ValueError, match="query=' ' is empty"):
    readers.read_jsonl(file, allow_empty=True)


def without(row, *names):
  return {key: value for key, value in row.items() if key not in names}


CONVERSED = without(PLACED, "query")
BAD_ROWS = [
  ([PLACED], r"the row is \[.*\], must be an object"),
  ("text", r"the row is 'text', must be an object"),
  (None, r"the row is null, must be an object"),
  (without(PLACED, "query"), "has neither of query and conversation"),
  ({**PLACED, "conversation": []}, "has both of query and conversation"),
  ({**PLACED, "query": ""}, "query='' is empty"),
  ({**PLACED, "query": 5}, "query=5 must be a text"),
  ({**PLACED, "query": None}, "query=null must be a text"),
  (without(PLACED, "response_2"), "the row has response_1; give either"),
  (without(RANKED, "chosen"), "the row has rejected; give either"),
  ({"query": "Why?", "label": 1}, "the row has no responses, but query, label"),
  ({**PLACED, **RANKED}, "has chosen, rejected, response_1, response_2; give"),
  ({**without(PLACED, "response_1"), "chosen": "a"}, "has chosen, response_2;"),
  ({**RANKED, "label": 1}, "label=1 makes no sense with chosen and rejected"),
  ({**RANKED, "rejected": " \n"}, r"rejected=' \\n' is empty"),
  ({**RANKED, "rejected": 3}, "rejected=3 must be a text"),
  ({**RANKED, "rejected": ["b"]}, "rejected is a list of turns, and the other"),
  ({**PLACED, "response_1": True}, "response_1=true must be a text"),
  ({**PLACED, "label": 0}, "label=0 must be the number 1 or 2"),
  ({**PLACED, "label": 3}, "label=3 must be the number 1 or 2"),
  ({**PLACED, "label": True}, "label=true must be the number 1 or 2"),
  ({**PLACED, "label": 1.5}, r"label=1\.5 must be the number 1 or 2"),
  ({**PLACED, "label": "0"}, "label='0' must be the number 1 or 2"),
  ({**PLACED, "label": [1]}, r"label=\[1\] must be the number 1 or 2"),
  ({**PLACED, "id": ""}, "id='' is empty"),
  ({**PLACED, "id": True}, "id=true must be a text"),
  ({**PLACED, "id": 1.5}, r"id=1\.5 must be a text"),
  ({**PLACED, "subset": 1}, "subset=1 must be a text"),
  ({**PLACED, "query": "\ud83d"}, r"half a surrogate pair, '\\ud83d', as"),
  ({**CONVERSED, "conversation": []}, r"conversation=\[\] must be a list"),
  ({**CONVERSED, "conversation": "Hi"}, "conversation='Hi' must be a list"),
  ({**CONVERSED, "conversation": ["Hi"]}, r"conversation\[0\]='Hi' must be"),
  (
    {**CONVERSED, "conversation": [{"content": "Hi"}]},
    r"conversation\[0\]\.role=null must be one of system, user, assistant",
  ),
  (
    {**CONVERSED, "conversation": [{"role": [], "content": "Hi"}]},
    r"conversation\[0\]\.role=\[\] must be one of",
  ),
  (
    {**CONVERSED, "conversation": [{"role": "user"}]},
    r"conversation\[0\]\.content is missing",
  ),
  (
    {**CONVERSED, "conversation": [{"role": "user", "content": ""}]},
    r"conversation\[0\]\.content='' is empty",
  ),
  (
    {**CONVERSED, "conversation": [{"role": "assistant", "content": "Hi"}]},
    r"conversation\[0\]\.role='assistant' must be 'user'",
  ),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_bad_row_is_named(file, row, message):
  write(file, PLACED, row)
  with pytest.raises(
    ValueError, match=rf"1 of 2 rows of .*\n  .*rows\.jsonl:2: .*{message}"
  ):
    readers.read_jsonl(file)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (b'{"query": oops}', "column 11: no valid JSON"),
    (b'{"query": "Why?"', "column 17: no valid JSON: Expecting ',' delimiter"),
    (b"{} {}", "column 4: no valid JSON: Extra data"),
    (b"[" * 100_000, "no valid JSON: nested too deeply"),
    (b'{"id": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    (b'{"query": "\xe9"}', "byte 12 of the line, 0xe9, is not UTF-8"),
  ],
)
def test_a_line_which_is_no_json_is_named(file, text, message):
  file.write_bytes(json.dumps(PLACED).encode() + b"\n" + text + b"\n")
  with pytest.raises(ValueError, match=rf"rows\.jsonl:2: .*{message}"):
    readers.read_jsonl(file)


def test_other_encodings_are_refused(file):
  file.write_text(json.dumps(PLACED), encoding="utf-16")
  with pytest.raises(ValueError, match="byte 1 of the line, 0xff, is not"):
    readers.read_jsonl(file)


def test_duplicate_ids_name_both_lines(file):
  write(file, {**PLACED, "id": "7"}, PLACED, {**RANKED, "id": 7})
  with pytest.raises(ValueError, match="jsonl:3: id '7' is that of line 1 too"):
    readers.read_jsonl(file)


def test_all_bad_rows_are_reported_up_to_ten(file):
  write(file, *([PLACED, 0] * 10))
  with pytest.raises(ValueError) as caught:
    readers.read_jsonl(file)
  lines = str(caught.value).split("\n")
  assert lines[0].startswith(f"10 of 20 rows of {file} are bad")
  assert len(lines) == 11
  assert f"{file}:20: " in lines[10]
  write(file, *([PLACED, 0] * 12))
  with pytest.raises(ValueError) as caught:
    readers.read_jsonl(file)
  lines = str(caught.value).split("\n")
  assert lines[0].startswith("12 of 24 rows")
  assert lines[11:] == ["  and 2 more"]


@pytest.mark.parametrize("text", ["", "\n \r\n\n", "\ufeff"])
def test_a_file_without_rows_is_refused(file, text):
  file.write_text(text, encoding="utf-8")
  with pytest.raises(ValueError, match=r"rows\.jsonl has no rows; give"):
    readers.read_jsonl(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
  with pytest.raises(ValueError, match="none cannot be read: No such file"):
    readers.read_jsonl(tmp_path / "none")
  with pytest.raises(ValueError, match="cannot be read: Is a directory"):
    readers.read_jsonl(tmp_path)


def test_a_comparison_of_texts_is_named_by_them():
  one = readers.comparison_of("Why?", "a", "")
  assert one.conversation == (Message("user", "Why?"),)
  assert one.responses == ("a", "") and one.label is None
  turns = [{"role": "user", "content": "Why?"}]
  for query in (turns, [Message("user", "Why?")]):
    assert readers.comparison_of(query, "a", "") == one
  assert readers.comparison_of("Why?", "", "a").uid != one.uid


@pytest.mark.parametrize(
  ("texts", "message"),
  [
    (("", "a", "b"), "query='' is empty"),
    (("Why?", "a", "\ud83d"), "response_2 has half a surrogate pair"),
    (([{"role": "user"}], "a", "b"), r"conversation\[0\]"),
    (([], "a", "b"), r"conversation=\[\] must be a list"),
  ],
)
def test_texts_that_make_no_comparison(texts, message):
  with pytest.raises(ValueError, match=message):
    readers.comparison_of(*texts)
