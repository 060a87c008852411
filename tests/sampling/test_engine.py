"""What a row says depends on its key, prompt, sample and position alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, sharding
from rrm_jax.sampling import slots
from tests import tiny
from tests.tiny import completion, sample

COLUMNS, SAMPLES = 8, tiny.SAMPLES
NEW = tiny.SAMPLING.max_new_tokens
LENGTHS = (3, 8, 1, 5, 6, 2, 8, 4)


def completed_logprobs(rollout, row):
  return rollout.logprobs[row, rollout.prompt_length[row] : rollout.length[row]]


def assert_same_row(one, i, other, j):
  assert completion(one, i).tolist() == completion(other, j).tolist()
  np.testing.assert_allclose(
    completed_logprobs(one, i),
    completed_logprobs(other, j),
    rtol=0,
    atol=1e-5,
  )
  assert one.stopped[i] == other.stopped[j]


@pytest.fixture(scope="module")
def prompts():
  return tiny.prompts(LENGTHS, COLUMNS)


@pytest.fixture(scope="module")
def rollout(prompts):
  return sample(prompts)


def test_there_is_something_to_compare(rollout):
  """Rows that stop and rows that do not, all of them different."""
  assert rollout.stopped.any() and not rollout.stopped.all()
  rows = {tuple(completion(rollout, i)) for i in range(len(rollout.length))}
  assert len(rows) > 10


def test_rollouts_are_compact_and_their_masks_disjoint(prompts, rollout):
  rows, columns = rollout.tokens.shape
  assert (rows, columns) == (len(LENGTHS) * SAMPLES, COLUMNS + NEW)
  column = np.arange(columns)
  length, start = rollout.length[:, None], rollout.prompt_length[:, None]
  written = (column >= start) & (column < length)
  assert not (rollout.sampled & rollout.forced).any()
  np.testing.assert_array_equal(rollout.sampled | rollout.forced, written)
  assert not rollout.forced.any()
  assert not rollout.tokens[column >= length].any()
  assert not rollout.logprobs[~rollout.sampled].any()
  assert (rollout.logprobs[rollout.sampled] < 0).all()
  for row in range(rows):
    own = prompts.tokens[row // SAMPLES, : prompts.length[row // SAMPLES]]
    assert rollout.tokens[row, : len(own)].tolist() == own.tolist()


def test_a_row_ends_with_its_first_stop_token_or_for_want_of_room(rollout):
  for row in range(len(rollout.length)):
    said = completion(rollout, row)
    stops = np.isin(said, (tiny.STOP, tiny.OTHER_STOP))
    if rollout.stopped[row]:
      assert stops.tolist() == [False] * (len(said) - 1) + [True]
      assert rollout.sampled[row, rollout.length[row] - 1]
    else:
      assert not stops.any() and len(said) == NEW


def test_permuted_prompts(prompts, rollout):
  order = [5, 2, 7, 0, 1, 6, 3, 4]
  other = sample(tiny.take(prompts, order))
  for place, prompt in enumerate(order):
    for s in range(SAMPLES):
      assert_same_row(other, place * SAMPLES + s, rollout, prompt * SAMPLES + s)


def test_fewer_prompts_more_samples(prompts, rollout):
  other = sample(tiny.take(prompts, [6, 1, 3]), samples=3)
  for place, prompt in enumerate((6, 1, 3)):
    for s in range(SAMPLES):
      assert_same_row(other, place * 3 + s, rollout, prompt * SAMPLES + s)


@pytest.mark.parametrize(
  "limits",
  [
    {"slots": 8},
    {"slots": 8, "refill": 3},
    {"slots": 8, "refill": 8, "columns": 5},
    {"slots": 9, "columns": 1},
    {"slots": 8, "least_live": 2},
    {"slots": 16, "columns": 7},
    {"slots": 9, "least_slots": 1, "refill": 3},
  ],
  ids=str,
)
def test_slots_and_refills_do_not_matter(prompts, rollout, limits):
  other = sample(prompts, limits=config.Engine(**limits))
  for row in range(len(rollout.length)):
    assert_same_row(other, row, rollout, row)


def test_a_restart_in_the_middle(prompts, rollout):
  """What was finished is kept; the rest begins anew, and ends the same."""
  run = tiny.sampler(limits=config.Engine(slots=8, columns=3))
  requests, key = tiny.asked(prompts), sharding.key(5, run.layout)
  done = {}
  for one in run.rounds(requests, key):
    done |= one.finished
    if len(done) > 3:
      break
  assert 3 < len(done) < len(requests)
  left = [i for i in range(len(requests)) if i not in done]
  rest = run([requests[i] for i in left], key)
  done |= dict(zip(left, rest, strict=True))
  for row in range(len(requests)):
    assert done[row].tokens.tolist() == completion(rollout, row).tolist()
    assert done[row].stopped == rollout.stopped[row]


def test_rounds_tell_all_that_is_written(prompts, rollout):
  run = tiny.sampler(limits=config.Engine(slots=8, columns=4))
  requests = tiny.asked(prompts)
  told = {i: [] for i in range(len(requests))}
  seen, busy, steps = 0, 0, 0
  for one in run.rounds(requests, sharding.key(5, run.layout)):
    for number, tokens in one.written.items():
      told[number] += tokens.tolist()
    for number, whole in one.finished.items():
      assert told[number] == whole.tokens.tolist()
    seen += len(one.finished)
    assert one.remaining == len(requests) - seen
    assert 0 < one.busy <= 1
    busy, steps = busy + one.busy * one.steps * 8, steps + one.steps
  assert seen == len(requests)
  assert round(busy) == sum(map(len, told.values()))
  # Two rows of eight wait for nobody: fewer steps than two static batches.
  longest = [max(len(t) for t in list(told.values())[i::2]) for i in (0, 1)]
  assert steps <= sum(longest) + 1


def test_a_row_has_its_own_room_and_budget(prompts):
  run = tiny.sampler()
  first, *others = tiny.asked(prompts, samples=1)
  requests = [
    first._replace(max_new_tokens=7, thinking_budget=1),
    *(r._replace(max_new_tokens=1 + i) for i, r in enumerate(others)),
  ]
  done = run(requests, sharding.key(5, run.layout))
  assert done[0].tokens[1:].tolist()[:3] == list(tiny.SCRIPT[:3])
  assert done[0].forced.tolist() == [False] + [True] * 6 and done[0].stopped
  for i, one in enumerate(done[1:]):
    assert 1 <= len(one.tokens) <= 1 + i and not one.forced.any()
    assert one.stopped or len(one.tokens) == 1 + i


def test_an_answer_has_its_own_budget(prompts):
  """A row that closes its thought writes so many tokens more."""
  closes = tiny.script()
  closes.closing_tag[...] = 5  # common enough in random text
  run = dataclasses.replace(tiny.sampler(), script=closes)
  free = run(tiny.asked(prompts, 8), sharding.key(5, run.layout))
  bound = [r._replace(answer_budget=2) for r in tiny.asked(prompts, 8)]
  short = run(bound, sharding.key(5, run.layout))
  cut = 0
  for one, other in zip(free, short, strict=True):
    tags = np.flatnonzero(one.tokens == 5)
    length = min(len(one.tokens), tags[0] + 3) if len(tags) else None
    assert other.tokens.tolist() == one.tokens[:length].tolist()
    cut += len(other.tokens) < len(one.tokens)
  assert cut > 3


@pytest.mark.parametrize("columns", [1, 3, 64])
def test_halting(prompts, rollout, columns):
  """A row ends with the first 17 or 30 that it writes, wherever it falls."""

  def halt(tokens, new):
    found = np.flatnonzero(np.isin(tokens, (17, 30)))
    assert not len(found) or found[0] >= len(tokens) - new
    return int(found[0]) + 1 if len(found) else None

  run = tiny.sampler(halt=halt, limits=config.Engine(slots=8, columns=columns))
  done = run(tiny.asked(prompts), sharding.key(5, run.layout))
  halted = 0
  for row, one in enumerate(done):
    whole = completion(rollout, row)
    found = np.flatnonzero(np.isin(whole, (17, 30)))
    length = found[0] + 1 if len(found) else len(whole)
    assert one.tokens.tolist() == whole[:length].tolist()
    assert len(one.logprobs) == len(one.forced) == length
    assert one.stopped == (bool(len(found)) or rollout.stopped[row])
    halted += bool(len(found))
  assert halted > 3


def test_rows_that_fill_up_do_nothing(prompts, rollout):
  active = np.array([True, False, True, True, False, True, True, False])
  other = sample(dataclasses.replace(prompts, active=active))
  kept = np.flatnonzero(np.repeat(active, SAMPLES))
  for place, row in enumerate(kept):
    assert_same_row(other, place, rollout, row)


def test_the_key_the_prompt_and_the_sample_each_matter(prompts, rollout):
  assert (sample(prompts, seed=6).tokens != rollout.tokens).any(axis=1).all()
  renamed = dataclasses.replace(prompts, prompt_id=prompts.prompt_id + 1)
  assert (sample(renamed).tokens != rollout.tokens).any(axis=1).all()
  # One prompt under one name twice says the same twice.
  twin = sample(tiny.take(prompts, [0, 0, 2, 3, 4, 5, 6, 7]))
  for s in range(SAMPLES):
    assert_same_row(twin, s, twin, SAMPLES + s)
  assert (twin.tokens[0] != twin.tokens[1]).any()


def test_row_keys_by_hand():
  key = jax.random.key(3)
  fold = jax.random.fold_in
  for prompt, number in ((9, 0), (2**32 - 1, 1)):
    ours = slots.row_key(key, jnp.uint32(prompt), jnp.uint32(number))
    theirs = fold(fold(key, prompt), number)
    assert (jax.random.key_data(ours) == jax.random.key_data(theirs)).all()


@pytest.mark.parametrize("data, fsdp, tensor", tiny.MESHES[:3])
def test_meshes_say_the_same(prompts, rollout, data, fsdp, tensor):
  over = tiny.layout(data, fsdp, tensor)
  kernel = tiny.placed(tiny.params(), over)["layers"]["mlp"]["up"]["kernel"]
  cut = (2, 32 // fsdp, 48 // tensor)
  assert {s.data.shape for s in kernel.addressable_shards} == {cut}
  other = sample(prompts, over)
  np.testing.assert_array_equal(other.tokens, rollout.tokens)
  np.testing.assert_array_equal(other.length, rollout.length)
  np.testing.assert_array_equal(other.sampled, rollout.sampled)
  np.testing.assert_array_equal(other.stopped, rollout.stopped)
  np.testing.assert_allclose(
    other.logprobs, rollout.logprobs, rtol=0, atol=1e-5
  )


def test_greedy_is_certain(prompts):
  sampling = dataclasses.replace(tiny.SAMPLING, temperature=0.0)
  rollout = sample(prompts, sampling=sampling)
  assert not rollout.logprobs.any()
  for prompt in range(len(LENGTHS)):
    assert_same_row(rollout, 2 * prompt, rollout, 2 * prompt + 1)


def test_parameters_that_were_not_prepared(prompts, rollout):
  """They are sampled from in the form they have."""
  run = tiny.sampler()
  raw = dataclasses.replace(run, params=tiny.placed(tiny.params(), run.layout))
  assert raw.stacked and not run.stacked
  done = raw(tiny.asked(prompts), sharding.key(5, run.layout))
  for row, one in enumerate(done):
    assert one.tokens.tolist() == completion(rollout, row).tolist()
