import collections

import pytest

from rrm_jax.data import llmbar

from .published import write_json

GOOD = {"input": "q", "output_1": "a", "output_2": "b", "label": 1}


def test_a_missing_file_is_refused(tmp_path):
  with pytest.raises(
    ValueError, match=r"has no Natural/dataset\.json or Datas"
  ):
    llmbar.read(tmp_path)


def test_rows_are_checked(tmp_path):
  write_json(
    tmp_path / "Natural" / "dataset.json",
    [GOOD, {**GOOD, "label": 3}, {"input": "q"}],
  )
  with pytest.raises(ValueError) as caught:
    llmbar.read(tmp_path)
  lines = str(caught.value).split("\n")
  assert lines[0].startswith("2 of 3 rows")
  assert lines[1].endswith(
    "row 1: label=3 must be the number 1 or 2, or be left out"
  )
  assert "row 2: the row has no field output_1, output_2, label" in lines[2]


def test_llmbar_is_whole(shared_data):
  found = llmbar.read(shared_data / "llmbar" / "LLMBar")
  rows = found.items
  assert not found.notes
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
