"""What the readers read, the protocols can score."""

import pytest

from rrm_jax.benchmarks import outcomes, protocol, rewardbench
from rrm_jax.data import public_sets
from tests.analysis.judged import judgement
from tests.data.published import chat, write_json, write_lines, write_parquet


def write_rewardbench(folder):
  row = {"prompt": "q", "chosen": "a", "rejected": "b", "id": 1}
  rows = [
    {**row, "subset": name}
    for counts in rewardbench.SECTIONS.values()
    for name in counts
  ]
  write_parquet(folder / "data/filtered-00000-of-00001.parquet", rows)


def write_rewardbench2(folder):
  row = {"prompt": "q", "chosen": ["a"], "rejected": ["b", "c", "d"]}
  rows = [
    {"id": "1", **row, "subset": "Math"},
    {"id": "ref:1", **row, "subset": "Ties"},
  ]
  write_parquet(folder / "data/test-00000-of-00001.parquet", rows)


def write_ppe(folder):
  for part, marker in (
    ("mmlu-pro", "Question:"),
    ("math", "<problem>"),
    ("gpqa", "Question"),
  ):
    row = {
      "prompt": f"{marker} q",
      "response_1": "a",
      "response_2": "b",
      "scores": [0, 1],
      "sampled_conflict_pairs": [[0, 1]] * 5,
    }
    write_parquet(folder / part / "train.parquet", [row])


def write_rm_bench(folder):
  row = {"prompt": "q", "chosen": ["a"] * 3, "rejected": ["b"] * 3}
  rows = [
    {"id": place, **row, "domain": domain}
    for place, domain in enumerate(
      ("chat", "code", "math", "safety-refuse", "safety-response")
    )
  ]
  write_json(folder / "total_dataset.json", rows)


def write_rmb(folder):
  asked = {"conversation_input": chat("q")}
  best, other = {"answer": "a"}, {"answer": "b"}
  for goal in ("Helpfulness/Chat/Talk", "Harmlessness/S1"):
    pair = {**asked, "chosen": best, "reject": other}
    group = {**asked, "bon_best": best, "loser_list": [other, other]}
    for kind, row in (("Pairwise_set", pair), ("BoN_set", group)):
      path = f"{kind}/{goal}"
      write_json(folder / f"{path}.json", [{**row, "category_path": path}])


def write_judgebench(folder):
  row = {"question": "q", "response_A": "a", "response_B": "b", "label": "A>B"}
  rows = [
    {"pair_id": "1", "source": "livebench-math", **row},
    {"pair_id": "2", "source": "mmlu-pro-law", **row},
  ]
  write_lines(folder / "gpt.jsonl", rows)


def report(name, rows, judge):
  """What a judge gets that answers in both orders as `judge` says."""
  judgements = [
    judgement(one.uid, judge(one), swapped=swapped)
    for one in rows
    for swapped in (False, True)
  ]
  known = {one.uid: one for one in rows}
  return protocol.report(name, outcomes.of_judgements(judgements, known))


def longer(comparison):
  first, second = map(len, comparison.responses)
  return 1 if first > second else 2


@pytest.mark.parametrize(
  ("name", "write", "count"),
  [
    ("rewardbench", write_rewardbench, 23),
    ("rewardbench2", write_rewardbench2, 3),
    ("ppe", write_ppe, 15),
    ("rm-bench", write_rm_bench, 45),
    ("rmb", write_rmb, 6),
    ("judgebench", write_judgebench, 2),
  ],
)
def test_small_files(tmp_path, name, write, count):
  write(tmp_path)
  rows = public_sets.resolve(f"{name}={tmp_path}")
  assert len(rows) == count
  protocol.check(name, rows)
  right = report(name, rows, lambda one: one.label)
  wrong = report(name, rows, lambda one: 3 - one.label)
  assert right["both_orders"]["overall"] == 1
  assert wrong["both_orders"]["overall"] == 0


@pytest.mark.parametrize(
  ("name", "count", "best"),
  [
    ("llmbar", 419, 1),
    # Who knows no ties is wrong on 105 of 999.
    ("pandalm", 999, 0.8949),
    ("humanevalpack", 984, 1),
    ("gsm8k", 2429, 1),
  ],
)
def test_whole_benchmarks(shared_data, monkeypatch, name, count, best):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  rows = public_sets.resolve(name)
  assert len(rows) == count
  protocol.check(name, rows)
  right = report(name, rows, lambda one: one.label or 1)
  assert right["published"][0]["overall"] == best
  assert right["both_orders"]["overall"] == 1


def test_length_as_a_judge_of_llmbar(shared_data, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  found = report("llmbar", public_sets.resolve("llmbar"), longer)
  assert found["details"]["agreement"] == 1
  # How often the longer output is the better one, counted apart and rounded.
  assert found["both_orders"]["sections"] == pytest.approx(
    {
      "natural": 0.56,
      "adversarial/neighbor": 0.12,
      "adversarial/gptinst": 0.13,
      "adversarial/gptout": 0.45,
      "adversarial/manual": 0.17,
      "adversarial": (0.12 + 0.13 + 0.45 + 0.17) / 4,
    },
    abs=0.006,
  )
