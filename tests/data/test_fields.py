"""Files of others, under their own names for things."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rrm_jax.data import fields, public_sets

from .published import chat

ANSWERS = {"response_1": "a", "response_2": "b", "label": 1}


@pytest.mark.parametrize(
  ("row", "query"),
  [
    ({"question": "Why?"}, "Why?"),
    ({"input": "Why?"}, "Why?"),
    ({"instruction": "Add.", "input": "1 2"}, "Add.\n\n1 2"),
    ({"instruction": "Add.", "input": ""}, "Add."),
    ({"instruction": "Add.", "input": None}, "Add."),
    ({"query": "Why?", "question": "no"}, "Why?"),
  ],
)
def test_what_is_asked(row, query):
  assert fields.renamed({**row, **ANSWERS}) | ANSWERS == {
    **{k: v for k, v in row.items() if k == "question" and "query" in row},
    "query": query,
    **ANSWERS,
  }


@pytest.mark.parametrize("name", ["messages", "context", "conversation_input"])
def test_turns(name):
  found = fields.renamed({name: chat("q", "a", "r"), **ANSWERS})
  assert found == {"conversation": chat("q", "a", "r"), **ANSWERS}
  # A text is no list of turns, and answers with their turns need none.
  assert fields.renamed({name: "q", **ANSWERS}) == {name: "q", **ANSWERS}
  whole = {"chosen": chat("q", "a"), "rejected": chat("q", "b")}
  assert fields.renamed({name: chat("q", "a"), **whole}) == {
    name: chat("q", "a"),
    **whole,
  }


@pytest.mark.parametrize(
  "names",
  [
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("response_A", "response_B"),
    ("output_1", "output_2"),
    ("answer_a", "answer_b"),
    ("completion_a", "completion_b"),
  ],
)
def test_answers(names):
  row = {"query": "q", names[0]: "a", names[1]: "b", "winner": names[1]}
  assert fields.renamed(row) == {
    "query": "q",
    "response_1": "a",
    "response_2": "b",
    "label": 2,
  }


def test_answers_that_are_ranked():
  for better, worse in (("accepted", "rejected"), ("chosen", "reject")):
    found = fields.renamed({"query": "q", better: "good", worse: "bad"})
    assert found == {"query": "q", "chosen": "good", "rejected": "bad"}


@pytest.mark.parametrize(
  ("said", "label"),
  [
    ("1", 1),
    ("A", 1),
    ("B", 2),
    ("A>B", 1),
    ("b > a", 2),
    ("model_b", 2),
    ("tie", None),
    ("A=B", None),
    ("tie (bothbad)", None),
    ("neither of us knows", "neither of us knows"),
    ("0", "0"),
    (0, 0),
    (2, 2),
  ],
)
@pytest.mark.parametrize("name", ["label", "winner", "preference"])
def test_labels(name, said, label):
  row = {"query": "q", "response_1": "a", "response_2": "b", name: said}
  assert fields.renamed(row)["label"] == label


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({"question": "q", "instruction": "r"}, "question and instruction, each"),
    ({"question": "q", "input": "r"}, "question and input, each of which"),
    (
      {
        "query": "q",
        "output_1": 1,
        "output_2": 2,
        "answer_a": 1,
        "answer_b": 2,
      },
      "output_1 and output_2 and answer_a and answer_b, each of which could be "
      "the responses",
    ),
    (
      {"query": "q", **ANSWERS, "label": 1} | {"winner": 2, "preference": 1},
      None,
    ),
    (
      {"response_1": 1, "response_2": 2, "winner": 2, "preference": 1},
      "winner and preference, each of which could be the label",
    ),
  ],
)
def test_what_could_be_either_is_refused(row, message):
  if message is None:  # ours comes before all others
    assert fields.renamed(row)["label"] == 1
  else:
    with pytest.raises(ValueError, match=message):
      fields.renamed(row)


ROWS = [
  {"question": f"q{i}", "output_1": "a", "output_2": "b", "label": 1 + i % 2}
  for i in range(3)
]


def test_json_and_parquet_are_read_as_jsonl_is(tmp_path):
  lines, whole, table = (
    tmp_path / f"rows.{suffix}" for suffix in ("jsonl", "json", "parquet")
  )
  lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
  whole.write_text(json.dumps(ROWS))
  pq.write_table(pa.Table.from_pylist(ROWS), table)
  found = [public_sets.resolve(str(path)) for path in (lines, whole, table)]
  texts = [[(c.query, c.responses, c.label) for c in one] for one in found]
  assert texts[0] == texts[1] == texts[2]
  assert texts[0][1] == ("q1", ("a", "b"), 2)
  assert [c.uid for c in found[2]] == [
    "rows.parquet: row 0",
    "rows.parquet: row 1",
    "rows.parquet: row 2",
  ]


def test_bad_rows_of_such_a_file_are_named(tmp_path):
  path = tmp_path / "rows.json"
  path.write_text(json.dumps([ROWS[0], {**ROWS[1], "label": 0}]))
  with pytest.raises(ValueError, match=r"rows\.json: row 1: label=0 must be"):
    public_sets.resolve(str(path))
