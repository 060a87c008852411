"""The tool that reads a data set and says what is in it."""

import json

import pytest

from rrm_jax.data import public_sets
from tests.data.published import write_parquet
from tests.tools.test_binaries import call
from tools.prepare_data import sets

ROW = {"query": "q", "response_1": "a", "response_2": "b", "subset": "s"}


def said(spec):
  return list(sets.lines(spec, public_sets.read(spec)))


def test_a_benchmark(shared_data, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  assert said("pandalm") == [
    "pandalm: 999 comparisons",
    "note: 54 have an empty answer",
    "note: 105 are a tie for the annotators, so have no label",
    "note: 6 have an answer that is a boolean, written out as a text",
    "note: 136 repeat the texts of another",
    "note: 105 have no label",
    "rule of PandaLM test: accuracy over 0, 1, 2 with ties, of which no "
    "verdict is 0; precision, recall, F1 macro",
  ]
  assert "  adversarial/gptinst        92" in said("llmbar")


def test_a_benchmark_that_is_not_whole(tmp_path):
  row = {"prompt": "q", "chosen": "a", "rejected": "b", "subset": "hep-go"}
  write_parquet(tmp_path / "filtered.parquet", [row])
  with pytest.raises(ValueError, match=r"subsets alpacaeval-easy, .* no score"):
    said(f"rewardbench={tmp_path}")


def test_as_a_user_starts_it(tmp_path):
  path = tmp_path / "rows.jsonl"
  rows = [{**ROW, "label": 1}, {**ROW, "query": "p", "label": 2}]
  path.write_text("\n".join(map(json.dumps, rows)))
  flags = [f"--data={path}", f"--output={tmp_path / 'kept'}"]
  code, printed, errors = call("tools.prepare_data", *flags)
  assert code == 0 and f"writing {path} 2/2" in errors
  [kept] = (tmp_path / "kept").iterdir()
  assert kept.name.startswith("rows-comparisons-")
  assert printed == f"{path}: 2 comparisons\n  s        2\nkept: {kept}\n"
  assert public_sets.resolve(str(kept)) == public_sets.resolve(str(path))
  path.write_text("{")
  code, _, errors = call("tools.prepare_data", f"--data={path}")
  assert code == 1
  assert errors.startswith("error: 1 of 1 rows of") and ":1: column" in errors


def test_pairs_as_a_user_makes_them(tmp_path):
  path = tmp_path / "sampled.jsonl"
  rows = [
    {
      "query": f"{n} + {n}?",
      "answer": 2 * n,
      "candidates": [
        f"{words} {number}"
        for words in ("####", "It is")
        for number in (2 * n, 2 * n + 1)
      ],
    }
    for n in range(4, 24)
  ]
  path.write_text("\n".join(map(json.dumps, rows)))
  flags = ["pairs", f"--problems={path}", f"--answers={path}"]
  output = tmp_path / "pairs"
  code, printed, errors = call(
    "tools.prepare_data", *flags, f"--output={output}"
  )
  assert code == 0, errors
  assert "20 questions, of which 20 have right and wrong answers" in printed
  report = json.loads((output / "report.json").read_text())
  assert report["pairs"]["possible"] == 80
  assert report["longer_is_right"]["train"] == 0.5
  for part in ("train", "test"):
    made = public_sets.resolve(str(output / f"{part}.jsonl"))
    assert len(made) == report["pairs"][part] > 0
  code, _, errors = call(
    "tools.prepare_data", *flags, f"--output={output}", "--test_share=2"
  )
  assert code == 1 and "error: test_share=2.0 must be in [0, 1)" in errors
