"""The suites of the learner and of a decoding step: sums, and one small run."""

import pytest

from tests import tiny
from tools.benchmark import decode, learner


def test_a_small_update_each_way(monkeypatch):
  monkeypatch.setattr(learner, "SMALL", tiny.MODEL)
  work = learner.Workload(prompts=8, prompt=12, samples=3, width=5)
  runs = {way: [learner.measure(way, work, 2)] for way in learner.WAYS}
  shared, apart = learner.rows(work, runs)
  assert len(runs["shared"][0]["seconds"]) == 3
  # In GB these are nothing; in bytes the shared prefix needs less.
  assert runs["shared"][0]["temporary"] < runs["apart"][0]["temporary"]
  tokens = 8 * 3 * (12 + 5)
  assert shared.rate == pytest.approx(tokens / shared.seconds, rel=0.5)
  assert apart.way == "apart"
  lines = learner.table([shared, apart]).splitlines()
  assert len(lines) == 3 and len({*map(len, lines)}) == 1


def test_the_floor_counts_what_a_way_reads():
  work = learner.Workload(prompts=2, prompt=100, samples=10, width=20)
  shared, apart = (learner.floor(way, work, 1e9) for way in learner.WAYS)
  # 2 (100 + 200) tokens against 20 (100 + 20); logits are the same.
  assert 1.5 < apart / shared < 4
  assert learner.floor("apart", work, 2e9) == pytest.approx(apart / 2)


def test_rows_have_what_an_update_wants():
  work = learner.WORKLOADS["judging"]
  made = learner.batch(work, 100)
  assert made.tokens.shape == (32, 160)
  assert made.prefix.tokens.shape == (2, 400)
  assert made.prefix.length.max() == 400
  assert made.sampled.any(axis=1).all()
  assert made.tokens.max() < 100


def test_no_such_workload():
  with pytest.raises(ValueError, match="'judgment' is no workload; there are"):
    learner.suite(["judgment"], 1)


@pytest.mark.parametrize(
  ("scope", "part"),
  [
    ("jit(decode)/while/body/Block/attention/attention/q/dot_general",
     "projections"),
    ("jit(decode)/while/body/Block/attention/attention/attention/exp",
     "attention"),
    ("jit(decode)/while/body/Block/mlp/mlp/up/dot_general", "feed-forward"),
    ("jit(decode)/while/body/draw/argmax", "draw"),
    ("jit(decode)/while/body/dot_general", "unembedding"),
    ("jit(decode)/while/body/add", "rest"),
  ],
)  # fmt: skip
def test_parts_of_a_step(scope, part):
  assert decode.part_of(scope) == part


def test_where_operations_come_from():
  text = '  %add.1 = f32[2] add(%a, %b), metadata={op_name="jit(f)/add" x=1}\n'
  assert decode.scopes(text + "  ROOT %t = f32[2] tuple(%add.1)\n") == {
    "add.1": "jit(f)/add"
  }
