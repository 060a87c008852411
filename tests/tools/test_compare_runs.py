"""Two runs of launch.evaluate, compared."""

import dataclasses
import json

import pytest

from rrm_jax.analysis import paired
from rrm_jax.judgements import rows
from tests.analysis.judged import comparison, judgement
from tests.tools.test_binaries import call
from tools.compare_runs import pairing


def of_question(uid, label=1):
  """A pair of solutions to the question that its uid begins with."""
  asked = comparison(uid[:10]).conversation
  return dataclasses.replace(comparison(uid, label), conversation=asked)


def write(folder, winners, name="gsm8k", label=1):
  """A run in which each comparison got these winners, in both orders."""
  folder.mkdir()
  lines = [
    rows.labelled(
      judgement(uid, winner, swapped=bool(swapped)), of_question(uid, label)
    )
    # A separator of lines that is none of files.
    | {"text": "a\u2028b"}
    for uid, pair in winners.items()
    for swapped, winner in enumerate(pair)
  ]
  (folder / "judgements.jsonl").write_text(
    "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
  )
  report = {"name": name, "model": folder.name, "weights": ""}
  (folder / "report.json").write_text(json.dumps(report))
  return folder


def pairs(right, count=20):
  """Pairs of `count` questions; those of the first `right` are judged right."""
  return {
    f"gsm8k-{i:04d}-0-1": (1, 1) if i < right else (2, 1) for i in range(count)
  }


def test_the_better_run_is_found(tmp_path):
  one = write(tmp_path / "one", pairs(5, 21))
  other = write(tmp_path / "other", pairs(15))
  found = tmp_path / "found.json"
  code, printed, errors = call(
    "tools.compare_runs", one, other, f"--output={found}"
  )
  assert code == 0, errors
  found = json.loads(found.read_text())
  assert (found["comparisons"], found["unpaired"]) == (20, 1)
  gap = found["benchmark"]["both_orders"]["difference"]
  assert gap["overall"] == found["difference"] == 0.25
  assert 0 < gap["low"] < 0.25 < gap["high"]
  # In the data's order the ten are right against wrong.
  assert found["benchmark"]["published"]["difference"]["overall"] == 0.5
  assert "20 labelled comparisons in both, 1 in one" in printed
  assert "+25.0" in printed and "McNemar" in printed
  assert gap["p"] == found["p"]  # of each question there is one pair
  assert "queries" not in printed


def test_pairs_of_one_question_are_not_taken_as_independent(tmp_path):
  def several(right):
    return {
      f"gsm8k-{i:04d}-0-{j}": (1, 1) if i < right else (2, 2)
      for i in range(8)
      for j in range(1, 6)
    }

  folders = [write(tmp_path / str(n), several(n)) for n in (4, 7)]
  code, printed, errors = call("tools.compare_runs", *folders)
  assert code == 0, errors
  assert "They are of 8 queries" in " ".join(printed.split())
  runs = map(pairing.read, folders)
  found = pairing.compare(*runs, 0.5)
  # Three questions have one sign by chance twice in eight times.
  gap = found["benchmark"]["published"]["difference"]
  assert gap["clusters"] == 8
  assert gap["p"] == pytest.approx(0.25, abs=0.02)
  assert (found["queries"], found["p"]) == (8, gap["p"])
  assert (found["low"], found["high"]) == (gap["low"], gap["high"])
  assert found["mcnemar"]["p"] < 0.001


def test_votes_in_drawn_orders_are_one_election(tmp_path):
  """As in the reports of the two runs: no vote is left out for its order."""
  runs = []
  for name, winners in (("one", (1, 2, 2)), ("other", (1, 1, 2))):
    folder = write(tmp_path / name, {})
    lines = [
      rows.labelled(
        judgement("gsm8k-0000-0-1", winner, sample, swapped=sample > 0),
        comparison("gsm8k-0000-0-1"),
      )
      for sample, winner in enumerate(winners)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "judgements.jsonl").write_text(text)
    runs.append(pairing.read(folder))
  found = pairing.compare(*runs, 0.5)["benchmark"]
  assert found["both_orders"] is None
  assert found["published"]["first"]["overall"] == 0.3333
  assert found["published"]["second"]["overall"] == 0.6667


def test_runs_on_a_file_have_the_plain_mean(tmp_path):
  runs = [
    pairing.read(write(tmp_path / str(n), pairs(n), name="mine.jsonl"))
    for n in (5, 15)
  ]
  found = pairing.compare(*runs, 0.5)
  assert found["benchmark"] is None and found["unscored"] == ""
  assert found["mcnemar"] == paired.mcnemar(
    [1.0] * 5 + [0.5] * 15, [1.0] * 15 + [0.5] * 5
  )


def test_a_benchmark_in_part_has_the_plain_mean(tmp_path):
  runs = [
    pairing.read(write(tmp_path / name, pairs(5), name="rmb"))
    for name in ("one", "other")
  ]
  found = pairing.compare(*runs, 0.5)
  assert found["benchmark"] is None
  assert "must begin with one of BoN_set/Helpfulness" in found["unscored"]


@pytest.mark.parametrize(
  ("file", "text", "message"),
  [
    ("report.json", None, "report.json: No such file or directory; give the"),
    ("report.json", "{", "report.json is no JSON"),
    ("report.json", "[]", "report.json is no report of launch.evaluate"),
    (
      "report.json",
      '{"name": "gsm8k", "model": "m", "schedule": {}}',
      "report.json is of launch.tournament",
    ),
    ("judgements.jsonl", None, "judgements.jsonl cannot be read"),
    (
      "judgements.jsonl",
      '{"id": "a"}\n',
      "jsonl:1: the row has no field",
    ),
  ],
)
def test_what_is_no_run_is_named(tmp_path, file, text, message):
  folder = write(tmp_path / "run", pairs(1))
  if text is None:
    (folder / file).unlink()
  else:
    (folder / file).write_text(text)
  with pytest.raises(ValueError, match=message):
    pairing.read(folder)


def test_other_labels_are_refused(tmp_path):
  runs = [
    pairing.read(write(tmp_path / str(label), pairs(5), label=label))
    for label in (1, 2)
  ]
  with pytest.raises(ValueError, match="different labels or subsets"):
    pairing.compare(*runs, 0.5)
