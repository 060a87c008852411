import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax.judgements import rows
from rrm_jax.records import Message, Question
from tests.judgements.judging import IDENTITY, answer, question


@given(st.integers(0, 50), st.integers(0, 9), st.booleans())
def test_rows_come_back(i, sample_id, swapped):
  made = answer(question(i, sample_id, swapped))
  line = rows.line(rows.to_row(made))
  assert line.count(b"\n") == 1 and line.endswith(b"\n")
  assert rows.from_row(rows.parse(line)) == made
  assert rows.from_row(json.loads(line)) == made


@given(st.data())
def test_a_changed_byte_is_seen(data):
  line = rows.line(rows.to_row(answer(question(1))))
  place = data.draw(st.integers(0, len(line) - 2))
  other = data.draw(st.integers(0, 255).filter(lambda b: b != line[place]))
  with pytest.raises(ValueError, match=r"checksum|no line"):
    rows.parse(line[:place] + bytes([other]) + line[place + 1 :])


def test_the_key_has_all_that_a_judgement_hangs_on_and_no_more():
  judge = rows.digest(IDENTITY)
  asked = question(1)
  comparison = asked.comparison

  def varied(**fields):
    return Question(dataclasses.replace(comparison, **fields))

  first, second = comparison.responses
  others = [
    rows.key(judge, other)
    for other in (
      varied(uid="another"),
      varied(responses=(second, first)),
      varied(responses=(first, second + " ")),
      varied(conversation=(Message("user", "?"),)),
      varied(
        conversation=(Message("assistant", "?"), *comparison.conversation)
      ),
      Question(comparison, 1),
      Question(comparison, 0, True),
    )
  ]
  others.append(rows.key(rows.digest({**IDENTITY, "weights": "v"}), asked))
  here = rows.key(judge, asked)
  assert len({here, *others}) == len(others) + 1
  same = varied(label=2, subset="other", source="elsewhere")
  assert rows.key(judge, same) == here


def test_a_digest_is_of_values_not_of_their_order():
  turned = dict(reversed(IDENTITY.items()))
  assert rows.digest(turned) == rows.digest(IDENTITY)
  assert rows.digest({"sampling": {"temperature": 0.6}}) != rows.digest(
    {"sampling": {"temperature": 0.7}}
  )


def test_what_scores_a_judgement():
  asked = question(3)
  row = rows.labelled(answer(asked), asked.comparison)
  assert (row["label"], row["subset"], row["id"]) == (1, "s", "row-3")
  assert row["lengths"] == [len(one) for one in asked.comparison.responses]
  responses = ("other", "answers")
  same = dataclasses.replace(asked.comparison, responses=responses)
  other = dataclasses.replace(asked.comparison, conversation=())
  assert row["query"] == rows.labelled(answer(asked), same)["query"]
  assert row["query"] != rows.labelled(answer(asked), other)["query"]
  assert rows.from_row(row) == answer(asked)
