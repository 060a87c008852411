"""The table of runs."""

import csv
import json
import re
import typing

import pytest

from rrm_jax.benchmarks import results

LINE = results.Line(
  **{
    name: "x" if kind is str else kind(1) if kind in (int, float) else None
    for name, kind in typing.get_type_hints(results.Line).items()
  }
)


def read(path):
  if path.suffix == ".csv":
    return list(csv.DictReader(path.read_text().splitlines()))
  return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.csv"])
def test_a_run_is_in_the_table_once(tmp_path, name):
  path = tmp_path / "new" / name
  results.check(path)
  assert results.append(path, LINE)
  assert not results.append(path, LINE._replace(time="later"))
  assert results.append(path, LINE._replace(model='with, "both"'))
  results.check(path)
  found = read(path)
  assert [row["model"] for row in found] == ["x", 'with, "both"']
  assert list(found[0]) == list(results.Line._fields)


@pytest.mark.parametrize(
  ("name", "text", "message"),
  [
    ("a.txt", "", "must end in .jsonl or .csv"),
    ("a.csv", "time,model\n", "has the columns time, model, not time, data"),
    ("a.jsonl", '{"time": 1}\n{"ti\n', "a.jsonl:2 is no JSON object"),
    ("a.jsonl", "[1]\n", "a.jsonl:1 is no JSON object"),
  ],
)
def test_other_tables_are_refused(tmp_path, name, text, message):
  path = tmp_path / name
  path.write_text(text)
  with pytest.raises(ValueError, match=re.escape(message)):
    results.check(path)
  assert path.read_text() == text


def test_a_folder_that_cannot_be(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(ValueError, match="cannot be written: "):
    results.check(tmp_path / "file" / "a.jsonl")
