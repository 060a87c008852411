"""The suites of the learner and of a decoding step: sums, and one small run."""

import json
import sys

import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.model import hf
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner as rl_learner
from tests import tiny
from tests.tools.test_rollout_contestants import TINY, call
from tools.benchmark import (
  learner,
  learner_heat,
  lessons,
  profile,
  update,
  venue,
)
from tools.benchmark.contestants import our_learner, updates

LESSON = lessons.Lesson("small", prompts=2, prompt=12, samples=4, width=5)


def test_the_floor_by_hand():
  """A layer of one head, one column each; 4 rows of 3 after 2 prompts of 5."""
  cfg = config.Model(
    vocab_size=7, embed_dim=2, mlp_dim=3, num_layers=1, num_heads=1,
    num_kv_heads=1, head_dim=2,
  )  # fmt: skip
  lesson = lessons.Lesson("", prompts=2, prompt=5, samples=2, width=3)
  # q, k, v and o 2x2, gate, up and down 2x3; the unembedding 2x7.
  own = 4 * 3 * 2 * (4 * 4 + 3 * 6 + 14) + 4 * 2 * 4 * (3 * 5 + 3**2 / 2)
  prompt = 5 * 2 * (4 * 4 + 3 * 6) + 4 * 2 * 5**2 / 2
  assert lesson.flops(cfg) == 3 * (own + 2 * prompt)
  assert lesson.flops(cfg, shared_samples=1) == 3 * (own + 4 * prompt)
  assert lesson.tokens == 4 * 8


def test_judging_is_heavy_in_prompts_and_writing_in_completions():
  judging, writing = lessons.LESSONS.values()
  assert (judging.prompt / judging.width, judging.samples) == (2.5, 16)
  assert writing.prompt * 4 == writing.width
  assert lessons.make("judging", 4).prompt == judging.prompt // 4


def test_what_contestants_read(tmp_path):
  venue.write_model(tmp_path / "weights", tiny.MODEL, "float32")
  lessons.write(tmp_path / "a", LESSON, tmp_path / "weights", tiny.MODEL)
  work = updates.read(tmp_path / "a")
  assert np.shape(work.repeated()) == (8, 12)
  assert np.shape(work.completions) == np.shape(work.logprobs) == (8, 5)
  assert work.repeated()[:4] == [work.prompts[0]] * 4
  assert work.repeated(2) == [p for p in work.prompts for _ in range(2)]
  assert {type(i) for row in work.completions for i in row} == {int}
  # Peers take 0 for padding.
  assert np.min(work.prompts) > 0 and np.min(work.completions) > 0
  # The old policy is the weights' own, with noise.
  rows = np.concatenate([work.repeated(), work.completions], 1)
  over = tiny.layout()
  found = rl_learner.score(
    hf.load(tmp_path / "weights", tiny.MODEL, over, "float32"),
    rows.astype(np.int32),
    None,
    way=rl_learner.Way(tiny.MODEL, UNFILTERED, over),
  )
  noise = np.array(work.logprobs) - np.asarray(found)[:, 12:]
  assert noise.std() == pytest.approx(0.1, rel=0.4)
  assert work.adamw == lessons.ADAMW


ROUND = learner_heat.Round(2.0, 3.0, 10**9, loss=-0.01, gradient_norm=2.0)


@pytest.mark.parametrize(
  "other",
  [{"loss": -0.012}, {"gradient_norm": 2.003}, {"loss": float("nan")}],
)
def test_who_does_other_work_ends_the_run(other):
  learner_heat.agree(
    {"ours": ROUND, "a": ROUND._replace(loss=-0.0105, gradient_norm=2.001)}
  )
  with pytest.raises(ValueError, match=r"b has loss .* where ours has"):
    learner_heat.agree({"ours": ROUND, "b": ROUND._replace(**other)})


def test_a_loss_that_is_not_finite_agrees_with_nothing():
  with pytest.raises(ValueError, match="loss nan"):
    learner_heat.agree({"ours": ROUND._replace(loss=float("nan"))})


def test_figures():
  rounds = [ROUND._replace(seconds=s) for s in (9.0, 1.0, 4.0, 2.0)]
  flops = LESSON.flops(tiny.MODEL)
  found = learner_heat.row("trl", rounds, LESSON, tiny.MODEL, flops)
  assert (found.seconds, found.compiling, found.peak) == (2.0, 7.0, 1.0)
  assert found.rate == LESSON.tokens / 2 and found.of_floor == 0.5
  assert found.of_product > 1 / 2  # it reads prompts more often
  ours = learner_heat.row("ours", rounds, LESSON, tiny.MODEL, flops)
  assert ours.of_product == ours.of_floor


def test_the_suite(tmp_path):
  """Both of ours make the same updates; who is absent is named."""
  code, output, errors = call(
    "--workloads=judging", "--contestants=tunix,ours,ours_apart",
    "--shrink=32", "--rounds=1", f"--model={TINY}",
    f"--peers_python={sys.executable}", f"--output={tmp_path}",
    suite="learner",
  )  # fmt: skip
  assert code == 0, errors
  assert "judging: 2 prompts of 10 tokens x 16 completions of 4" in output
  report = json.loads((tmp_path / "learner.json").read_text())
  (found,) = report["workloads"]
  tunix, ours, apart = found["contestants"]
  assert tunix["error"] == "ModuleNotFoundError: No module named 'tunix'"
  assert tunix["error"] in output
  for one, other in zip(ours["rounds"], apart["rounds"], strict=True):
    assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
  first, second = (one["loss"] for one in ours["rounds"])
  assert second < first  # the rows are the same, and were learnt from
  assert ours["of_ours"] == 1.0 and 0 < apart["of_floor"] < 1
  assert (tmp_path / "learner.png").exists()


@pytest.mark.parametrize(
  ("wrong", "words"),
  [
    ({"workloads": ["judgment"]}, "'judgment' is no workload; there are jud"),
    ({"contestants": ["verl"]}, "'verl' is no contestant; there are ours"),
    ({"shrink": 65}, "shrink=65 must be from 1 to 64"),
  ],
)
def test_options_that_name_nothing(wrong, words):
  with pytest.raises(ValueError, match=words):
    learner.suite(learner.Options(**wrong))


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
    ("jit(update)/transpose(jvp(logprobs))/dot_general", "log-probabilities"),
  ],
)  # fmt: skip
def test_parts_of_a_step(scope, part):
  assert profile.part_of(scope) == part


def test_where_operations_come_from():
  text = '  %add.1 = f32[2] add(%a, %b), metadata={op_name="jit(f)/add" x=1}\n'
  assert profile.scopes(text + "  ROOT %t = f32[2] tuple(%add.1)\n") == {
    "add.1": "jit(f)/add"
  }


def test_an_update_by_its_parts(monkeypatch):
  monkeypatch.setattr(venue, "SMALL", tiny.MODEL)
  monkeypatch.setattr(our_learner.sharding, "layout", lambda _: tiny.layout())
  seconds, parts = update.measured(lessons.make("judging", 40), apart=False)
  assert seconds > 0
  assert {"attention", "feed-forward", "optimizer"} < set(parts)
  assert all(spent > 0 for spent in parts.values())
  assert profile.table(parts).count("%") == len(parts)
