"""What a plan counts of a job, against counts by hand."""

import dataclasses

import jax
import pytest

from rrm_jax import config
from rrm_jax.model import presets
from tests import small_job, tiny
from tools.plan import arithmetic, compiled, learning, memory, rollout, search
from tools.plan.counting import Work
from tools.plan.topology import Chip


@pytest.fixture(scope="module")
def job():
  values = small_job.mapping()
  return config.from_mapping(config.Job, config.complete(config.Job, values))


def test_sizes_by_hand(job):
  """Parameters in f32, two moments, and a reference; cut over four."""
  stage = job.stages["rl"]
  held = learning.sizes(job, stage, tiny.layout(1, 4, 1))
  whole = sum(x.size for x in jax.tree.leaves(tiny.params(job.model)))
  assert held["parameters"] == pytest.approx(whole, rel=0.1)  # 4 bytes, 4 parts
  assert held["optimizer"] == pytest.approx(2 * held["parameters"], rel=1e-3)
  assert held["reference"] == held["parameters"]  # f32 on these devices


def test_what_is_held_beside_a_program():
  sizes = {
    "parameters": 4, "optimizer": 8, "reference": 2,
    "sampler": 16, "cache": 100, "prompts": 10,
  }  # fmt: skip
  update = memory.held("update", 30, sizes)
  assert (update.total, update.activations) == (30 + 2, 30 - 12)
  assert list(update.parts) == ["parameters", "optimizer", "reference"]
  decode = memory.held("decode", 120, sizes)
  assert (decode.total, decode.activations) == (120 + 24, 4)
  del sizes["reference"]
  assert memory.held("update", 30, sizes).total == 30


def test_flops_by_hand():
  """A published shape: 6 FLOPs a parameter and token, and attention."""
  cfg = presets.preset("qwen2.5-0.5b")
  assert arithmetic.matrix_parameters(cfg) == 24 * (
    896 * (2 * 896 + 2 * 128) + 3 * 896 * 4864
  )
  stage = config.Grpo(
    steps=1, comparisons=2, samples=4, optimizer=config.Optimizer(),
    sampling=config.Sampling(max_new_tokens=100),
  )  # fmt: skip
  shared = arithmetic.learning(cfg, stage, prompt=300)
  assert shared.tokens == 2 * 300 + 8 * 100
  apart = arithmetic.learning(
    cfg, dataclasses.replace(stage, shared_samples=1), prompt=300
  )
  assert apart.tokens == 8 * 400
  matrices = 2 * 1400 * arithmetic.matrix_parameters(cfg)
  logits = 2 * 800 * 896 * 151_936
  attention = shared.scoring - matrices - logits
  pairs = 2 * 300**2 / 2 + 8 * (100 * 300 + 100**2 / 2)
  assert attention == pytest.approx(4 * pairs * 24 * 896)
  assert shared.flops == pytest.approx(3 * shared.scoring + logits)
  for remat, again in {"dots": attention, "full": attention + matrices}.items():
    kept = dataclasses.replace(cfg, remat=remat)
    found = arithmetic.learning(kept, stage, prompt=300)
    assert found.flops - shared.flops == pytest.approx(again)


def test_the_slowest_bounds():
  chip = Chip(memory=1.0, flops=100.0, bandwidth=10.0, links=1.0)
  assert arithmetic.bound(Work(500.0, 20.0), 3.0, chip) == (5.0, "FLOPs")
  assert arithmetic.bound(Work(500.0, 60.0), 3.0, chip) == (6.0, "HBM")
  assert arithmetic.bound(Work(500.0, 60.0), 7.0, chip) == (7.0, "links")


def test_a_refusal_of_the_compiler_is_read():
  error = jax.errors.JaxRuntimeError(
    "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required "
    "for HLO temporaries (19.58G) exceeds available HBM (15.75G)."
  )
  found = compiled.refused("update", error)
  assert isinstance(found, compiled.TooLarge)
  assert str(found) == (
    "update alone needs 19.58 GiB on each chip, which has 15.75"
  )
  other = jax.errors.JaxRuntimeError("INTERNAL: something else")
  assert compiled.refused("update", other) is other


def test_the_largest_microbatch_that_fits(job, monkeypatch, capsys):
  """Found by halves; the parts of a batch and its prompts must divide."""
  stage = dataclasses.replace(job.stages["rl"], comparisons=96, samples=2)
  over = tiny.layout(1, 4, 1)
  assert search.counts(stage, over) == [1, 2, 3, 4, 6, 8, 12, 24]
  sizes = learning.sizes(job, stage, over)

  def measured(name, job, stage, layout):
    assert name == "update"
    one = compiled.Measured(
      0.0, 0, 0, 0, 2400 // stage.microbatches, 0, 0,
      Work(0.0, 0.0), Work(0.0, 0.0), (),
    )  # fmt: skip
    if stage.microbatches < 3:
      raise compiled.TooLarge("the compiler refuses")
    return one

  monkeypatch.setattr(learning, "measured", measured)
  room = sizes["reference"]
  for limit, count in ((9e9, 3), (800, 3), (799, 4), (250, 12), (100, 24)):
    found, done = search.largest(job, stage, over, sizes, room + limit)
    assert found.microbatches == count and done.peak == 2400 // count
  assert "microbatches=2: the compiler refuses" in capsys.readouterr().out
  with pytest.raises(compiled.TooLarge, match="no microbatch of the update"):
    search.largest(job, stage, over, sizes, room + 99)


def test_the_engine_is_asked_as_a_step_asks(job):
  """Its slots for 32 rows, on 8 parts; prompts enough to fill them."""
  stage = job.stages["rl"]
  over = tiny.layout(1, 8, 1)
  asked = rollout.asked(job, stage, over)
  assert (asked.slots, asked.prompts) == (32, 8)
  assert asked.new == 8


@pytest.mark.parametrize("stored", ["compute", "int8"])
def test_programs_of_the_engine(stored):
  """On CPUs, cut over a mesh and with a buffer per layer."""
  cfg = tiny.variant(num_layers=4, head_dim=32)
  limits = config.Engine(kv_cache=stored)
  work = rollout.Work(slots=8, prompts=4, prompt=20, new=490)
  over = tiny.layout(1, 2, 2)
  made = {
    name: rollout.measured(name, cfg, over, limits, work)
    for name in ("admit", "decode")
  }
  # 4 layers of 8 / 2 rows and 2 / 2 heads, 510 -> 512 tokens, keys and values.
  each = 32 * 4 if stored == "compute" else 32 + 4
  assert made["decode"].cache == 4 * 4 * 1 * 512 * 2 * each
  for one in made.values():
    assert one.seconds > 0 and one.peak > one.cache
    assert one.aliased >= one.cache
  kinds = {one.kind for one in made["decode"].sent if one.stepping}
  assert "all-reduce" in kinds  # over tensor
