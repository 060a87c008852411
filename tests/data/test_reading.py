import pytest

from rrm_jax.data import reading
from rrm_jax.records import Comparison, Message

from .published import write_json


def make(row, notes):
  yield reading.comparison(
    row,
    row.values.get("id", f"row-{row.place}"),
    notes,
    {"query": "q", "response_1": row.text("a"), "response_2": "b", "label": 1},
  )


def labelled(labels):
  return [
    Comparison(str(place), (Message("user", "q"),), ("a", "b"), label)
    for place, label in enumerate(labels)
  ]


def test_rows_count_over_files(tmp_path):
  files = [
    write_json(tmp_path / f"{name}.json", [{"a": name}, {"a": name}])
    for name in "xy"
  ]
  found = reading.gather(files, ("a",), make)
  assert [item.uid for item in found.items] == [
    "row-0",
    "row-1",
    "row-2",
    "row-3",
  ]
  assert found.items[3].source == f"{files[1]}: row 1"
  assert not found.notes


def test_what_is_out_of_the_way_is_counted(tmp_path):
  file = write_json(tmp_path / "a.json", [{"a": " "}, {"a": "b"}, {"a": "c"}])
  found = reading.gather([file], ("a",), make)
  assert len(found.items) == 3
  assert found.notes == {
    "have an empty answer": 1,
    "have answers that are the same": 1,
  }


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    (
      [{"a": "x"}, {"b": "x", "c": 1}],
      r"1 of 2 .*\n.*row 1: .* no field a; it has b, c\. Ei",
    ),
    ([{"a": 1}], r"row 0: a=1 must be a text"),
    (
      [{"a": "x", "id": "n"}] * 2,
      r"row 1: its name 'n' is that of .*row 0 too",
    ),
    ([], "has no rows"),
  ],
)
def test_bad_rows_are_refused_by_name(tmp_path, rows, message):
  file = write_json(tmp_path / "a.json", rows)
  with pytest.raises(ValueError, match=message):
    reading.gather([file], ("a",), make)


def test_texts_within_a_row():
  row = reading.Row(0, {"a": {"b": "c"}, "d": ["e", "f"], "g": [1]}, "")
  assert row.text("a", "b") == "c"
  assert row.texts("d", 2) == ["e", "f"]
  with pytest.raises(ValueError, match="d has 2 texts, must have 3"):
    row.texts("d", 3)
  with pytest.raises(ValueError, match=r"g=\[1\] must be a list of texts"):
    row.texts("g")
  with pytest.raises(ValueError, match="must have 'c'"):
    row.text("a", "c")
  with pytest.raises(ValueError, match=r"d=\[\"e\", \"f\"\] must have 'b'"):
    row.text("d", "b")


def test_labels_of_one_class_are_counted():
  notes = reading.Notes()
  reading.count_labels(labelled([2] * 12 + [None]), notes)
  assert notes["have no label"] == 1
  [(message, count)] = [item for item in notes.items() if "label 2" in item[0]]
  assert count == 12
  assert "names that response is right on all" in message
  few = reading.Notes()
  reading.count_labels(labelled([1] * 9), few)
  reading.count_labels(labelled([1] * 9 + [2]), few)
  assert not few


def test_repeats_are_counted():
  query = (Message("user", "q"),)
  rows = [
    Comparison("a", query, ("x", "y"), 1),
    Comparison("b", query, ("y", "x"), 2),
    Comparison("c", query, ("x", "z"), 1),
  ]
  notes = reading.Notes()
  reading.count_repeats(rows[1:], notes)
  assert not notes
  reading.count_repeats(rows, notes)
  assert notes == {"repeat the texts of another": 1}


def test_readings_are_joined():
  one = reading.Reading(labelled([1]), reading.Notes(x=1))
  both = reading.joined([one, reading.Reading([], reading.Notes(x=1, y=1))])
  assert both.items == one.items
  assert both.notes == {"x": 2, "y": 1}
  assert one.notes == {"x": 1}
