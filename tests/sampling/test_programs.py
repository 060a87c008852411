"""What the engine compiles, what it keeps in memory, and how it fails."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, sharding
from rrm_jax.model import qwen2
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.sampling import decode, slots
from rrm_jax.sampling.schedule import Admitted, Request
from tests import tiny

LIMITS = config.Engine(slots=8, least_live=16)


def asked(rng, count):
  """Requests of all lengths up to 24 + 40 tokens, in groups of 3."""
  prompts = [rng.integers(0, 56, rng.integers(1, 25)) for _ in range(count)]
  return [
    Request(prompts[i // 3].tolist(), i // 3, i % 3, int(rng.integers(1, 41)))
    for i in range(count)
  ]


def test_few_programs():
  """Lengths and numbers of requests make none; buckets do."""
  run = tiny.sampler(limits=LIMITS)
  key = sharding.key(0, run.layout)
  rng = np.random.default_rng(0)
  functions = (slots.prefill, slots.admit, decode.decode, slots.idle_slots)
  run(asked(rng, 40), key)
  before = [function._cache_size() for function in functions]
  for count in (33, 50, 64):
    run(asked(rng, count), key)
  after = [function._cache_size() for function in functions]
  # Prompts of 1 to 24 tokens have 3 buckets, rows of 16 to 64 have 9.
  made = [new - old for new, old in zip(after, before, strict=True)]
  assert made[0] <= 3 and made[1] <= 3 and made[2] <= 9 and made[3] <= 1
  again = [function._cache_size() for function in functions]
  run(asked(np.random.default_rng(0), 40), sharding.key(1, run.layout))
  assert [function._cache_size() for function in functions] == again


@pytest.fixture(scope="module", params=["stacked", "per layer"])
def compiled(request):
  """The decoding and admitting programs of a cache that would be noticed."""
  stacked = request.param == "stacked"
  cfg = tiny.variant(num_layers=8, head_dim=32)
  over = tiny.layout()
  params = jax.eval_shape(lambda: qwen2.init(jax.random.key(0), cfg))
  if not stacked:
    params = jax.eval_shape(lambda p: qwen2.unstacked(p, cfg), params)
  state = jax.eval_shape(
    lambda: slots.idle_slots(
      cfg=cfg, slots=8, columns=512, stacked=stacked, layout=over
    )
  )
  prompts = jax.eval_shape(
    lambda p, t: slots.prefill(p, t, cfg=cfg, stacked=stacked, layout=over),
    params,
    jax.ShapeDtypeStruct((2, 16), jnp.int32),
  )
  request_ = Request([1, 2], 0, 0, 9)
  table = slots.admission([Admitted(3, 1, 0)], [request_], 8)
  size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state.cache))
  writing = decode.decode.lower(
    params,
    state,
    tiny.script(),
    jnp.int32(8),
    cfg=cfg,
    kept=UNFILTERED,
    live=512,
    columns=64,
    layout=over,
  )
  admitting = slots.admit.lower(
    state, prompts, table, jax.random.key(0), layout=over
  )
  return size, writing.compile(), admitting.compile()


def test_the_cache_is_written_in_place(compiled):
  """Neither program holds a second cache, and both give back the first."""
  size, *programs = compiled
  for program in programs:
    memory = program.memory_analysis()
    assert memory.temp_size_in_bytes < 0.4 * size
    assert memory.alias_size_in_bytes >= size


def test_nobody_asks_anything():
  run = tiny.sampler()
  assert run([], sharding.key(0, run.layout)) == []


def test_prompts_of_one_token_that_all_end_at_once():
  """Everybody's first token is a stop token."""
  params = tiny.params()
  params["unembedding"][:] = 0
  params["final_norm"]["scale"][:] = 0
  params["embedding"][:] = 1
  run = tiny.sampler(weights=params, sampling=config.Sampling(temperature=0))
  script = dataclasses.replace(run.script, stop=np.array([0, 1], np.int32))
  run = dataclasses.replace(run, script=script, limits=LIMITS)
  requests = [Request([5], i, 0, 4) for i in range(20)]
  done = run(requests, sharding.key(0, run.layout))
  assert [one.tokens.tolist() for one in done] == [[0]] * 20
  assert all(one.stopped for one in done)


@pytest.mark.parametrize("place", ["prompt", "later"])
def test_logits_that_are_not_finite(place):
  params = tiny.params()
  run = tiny.sampler(weights=params, sampling=config.Sampling(temperature=0))
  requests = [Request([7, 8], 90, 4, 6), Request([9], 91, 5, 6)]
  first = run(requests, sharding.key(0, run.layout))[1].tokens[0]
  token = {"prompt": 9, "later": int(first)}[place]
  params["embedding"][token] = np.nan
  run = tiny.sampler(weights=params, sampling=config.Sampling(temperature=0))
  number = {"prompt": 1, "later": 2}[place]
  with pytest.raises(
    ValueError,
    match=rf"prompt 91, sample 5\): .* of its token {number} are not finite",
  ):
    run(requests, sharding.key(0, run.layout))


def test_a_vocabulary_of_which_nothing_is_allowed():
  """The script's choice is among tokens that the model's logits rule out."""
  params = tiny.params()
  params["final_norm"]["scale"][:] = 0
  params["final_norm"]["scale"][0] = 1e38
  params["embedding"][:, 0] = 1
  params["unembedding"][0] = 1
  params["unembedding"][0, list(tiny.CHOICES)] = -1e8
  run = tiny.sampler(weights=params)
  with pytest.raises(ValueError, match="leave no token to draw"):
    run([Request([5], 0, 0, 9, 0)], sharding.key(0, run.layout))
