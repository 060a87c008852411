"""Sampling in another layout than training's: the same tokens, no gathers."""

import functools
import math

import jax
import numpy as np
import pytest

from rrm_jax import config, sharding
from rrm_jax.sampling import engine, layouts
from tests import tiny
from tools.plan import rollout as plan

# Heads enough for eight parts.
CFG = tiny.variant(num_heads=8, num_kv_heads=8)
SAMPLING = config.Sampling(max_new_tokens=8)
CHOICES = ("training", "replicated", "tensor")
MESHES = tiny.MESHES[:3]


def pair(mesh, choice):
  """Of training and of sampling."""
  trained = tiny.layout(*mesh)
  return trained, layouts.decode_layout(trained, choice, CFG)


@functools.cache
def rollout(mesh, choice):
  trained, over = pair(mesh, choice)
  weights = tiny.placed(tiny.params(CFG), trained, CFG)
  prompts = tiny.prompts((3, 8, 1, 5, 6, 2, 8, 4), 8)
  run = tiny.sampler(over, SAMPLING, weights, CFG)
  return run(tiny.asked(prompts, 2, 8), sharding.key(5, over))


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("mesh", MESHES)
def test_the_same_tokens(mesh, choice):
  expected = rollout((1, 1, 1), "training")
  assert len({tuple(one.tokens) for one in expected}) > 10
  for one, other in zip(rollout(mesh, choice), expected, strict=True):
    assert one.tokens.tolist() == other.tokens.tolist()
    np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("stacked", [True, False])
def test_the_rollout_copy_is_cut_as_chosen(monkeypatch, choice, stacked):
  """On a mesh (2, 2, 2), from the layout of training."""
  monkeypatch.setattr(engine, "stacked", lambda _: stacked)
  trained, over = pair((2, 2, 2), choice)
  weights = tiny.placed(tiny.params(CFG), trained, CFG)
  made = jax.jit(
    lambda x: engine.prepared.__wrapped__(x, cfg=CFG, layout=over)
  )(weights)
  fsdp = {"training": 2}.get(choice, 1)
  tensor = {"tensor": 4}.get(choice, 2)
  layer = made["layers"] if stacked else made["layers"][1]
  deep = (2,) if stacked else ()
  attention, down = layer["attention"], layer["mlp"]["down"]
  width, heads = (32 // fsdp,), (8 // tensor, 8)
  # A stack keeps its kernels; a CPU's layers have the features first.
  held = "kernel" if stacked else "transposed"

  def kernel(inner, features):
    return (*deep, *inner, *features) if stacked else (*features, *inner)

  for x, cut in (
    (made["embedding"], (64 // tensor, *width)),
    (
      made["unembedding" if stacked else "words"],
      kernel(width, (64 // tensor,))[len(deep) :],
    ),
    (made["final_norm"]["scale"], width),
    (attention["k"]["bias"], (*deep, *heads)),
    (attention["q"][held], kernel(width, heads)),
    (attention["o"][held], kernel(heads, width)),
    (down[held], kernel((48 // tensor,), width)),
  ):
    assert {shard.data.shape for shard in x.addressable_shards} == {cut}


@functools.cache
def moved(mesh, choice):
  """What the decoding program sends between devices."""
  over, limits = tiny.layout(*mesh), config.Engine(weights=choice)
  work = plan.Work(slots=8, prompts=8, prompt=8, new=8)
  return plan.measured("decode", CFG, over, limits, work).sent


def gathered(mesh, choice):
  """Elements of the arrays that are gathered."""
  return {
    math.prod(array.shape)
    for one in moved(mesh, choice)
    if one.kind == "all-gather"
    for array in one.arrays
  }


MATRICES = {32 * 48, 32 * 64}  # of a layer; rows make nothing as large


@pytest.mark.parametrize("mesh", [(1, 8, 1), (2, 2, 2)])
@pytest.mark.parametrize("choice", ["replicated", "tensor"])
def test_no_weights_are_gathered(mesh, choice):
  assert max(gathered(mesh, choice)) < min(MATRICES)


def test_weights_on_their_way_are_nowhere_whole():
  """Cut over eight in training and over two in sampling, with four copies."""
  cfg = tiny.variant(num_heads=4, num_kv_heads=2)
  work = plan.Work(slots=8, prompts=8, prompt=8, new=8)
  one = plan.measured(
    "prepare", cfg, tiny.layout(1, 8, 1), config.Engine(weights="tensor"), work
  )
  gathered = [x for x in one.sent if x.kind == "all-gather"]
  sizes = {math.prod(array.shape) for x in gathered for array in x.arrays}
  assert max(sizes) == cfg.num_layers * 32 * 48 // 2


def test_in_the_layout_of_training_they_are():
  assert gathered((1, 8, 1), "training") >= MATRICES


def test_on_its_own_part_a_step_sends_nothing():
  """Each writes the keys of its own rows, too."""
  assert [one for one in moved((1, 8, 1), "replicated") if one.stepping] == []
  assert [one for one in moved((1, 8, 1), "tensor") if one.stepping]


@pytest.mark.parametrize(
  "mesh, kv_heads, expected",
  [
    ((1, 8, 1), 8, (1, 8, 1)),
    ((1, 8, 1), 2, (4, 2, 1)),
    ((1, 4, 2), 4, (2, 2, 2)),
    ((2, 2, 2), 4, (2, 2, 2)),
    ((1, 1, 2), 2, (1, 1, 2)),
    ((1, 1, 1), 3, (1, 1, 1)),
  ],
)
def test_as_much_of_fsdp_as_the_model_divides_into(mesh, kv_heads, expected):
  cfg = tiny.variant(num_heads=24, num_kv_heads=kv_heads)
  trained = tiny.layout(*mesh)
  over = layouts.decode_layout(trained, "tensor", cfg)
  assert tuple(over.mesh.shape.values()) == expected
  assert [*over.mesh.devices.flat] == [*trained.mesh.devices.flat]
  assert over.batch_parts == expected[0]


def test_the_same_tokens_on_a_regrouped_mesh():
  cfg = tiny.MODEL
  trained = tiny.layout(1, 8, 1)
  prompts = tiny.prompts((3, 8, 1, 5), 8)
  weights = tiny.placed(tiny.params(cfg), trained, cfg)
  over = layouts.decode_layout(trained, "tensor", cfg)
  run = tiny.sampler(over, SAMPLING, weights, cfg)
  kernel = run.params["layers"][0]["mlp"]["up"]["transposed"]
  assert {s.data.shape for s in kernel.addressable_shards} == {(24, 32)}
  made = run(tiny.asked(prompts, 2, 8), sharding.key(5, over))
  alone = tiny.sampler(None, SAMPLING, None, cfg)
  expected = alone(tiny.asked(prompts, 2, 8), sharding.key(5, alone.layout))
  for one, other in zip(made, expected, strict=True):
    assert one.tokens.tolist() == other.tokens.tolist()


@pytest.mark.parametrize("mesh", [(1, 4, 2), (1, 8, 1)])
def test_a_model_that_cannot_be_cut_is_named(mesh):
  cfg = tiny.variant(num_heads=6, num_kv_heads=3)
  over = tiny.layout(*mesh)
  message = (
    rf"cuts heads=6, kv_heads=3, mlp=48, vocab=64 over fsdp={mesh[1]} and "
    rf"tensor={mesh[2]}, .* the divisors of 1; "
  )
  with pytest.raises(ValueError, match=message):
    layouts.decode_layout(over, "tensor", cfg)
  assert layouts.decode_layout(over, "training", cfg) == over
