"""Thinking budgets: what is forced, on whom, and where the choice is free."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config
from rrm_jax.model import qwen2
from rrm_jax.sampling import budget, decode
from tests import tiny
from tests.tiny import completion, sample

NEW, SAMPLES = 14, 4
SAMPLING = config.Sampling(max_new_tokens=NEW)
LENGTHS = (3, 6, 1, 5)
PLACE = tiny.SCRIPT.index(budget.CHOICE)


def steered(closing=0.0, stop=0.0):
  """Parameters whose logits lean to the closing tag or the stop token.

  The last norm gets a first coordinate that is about the same everywhere:
  the first embedding column is large and no layer writes to it.
  """
  params = tiny.params()
  params["embedding"][:, 0] = 4
  layers = params["layers"]
  layers["attention"]["o"]["kernel"][..., 0] = 0
  layers["mlp"]["down"]["kernel"][..., 0] = 0
  params["final_norm"]["scale"][0] = 1
  params["unembedding"][0] = 0
  params["unembedding"][0, tiny.CLOSING_TAG] = closing
  params["unembedding"][0, [tiny.STOP, tiny.OTHER_STOP]] = stop
  return params


# Few stop by themselves; about a third close their thinking early.
PARAMS = steered(closing=0.3, stop=-5.0)


@pytest.fixture(scope="module")
def prompts():
  return tiny.prompts(LENGTHS, 6, seed=2)


@pytest.fixture(scope="module")
def judge(prompts):
  """Samples under a budget, at some temperature."""

  def run(limit, temperature=1.0, params=PARAMS):
    sampling = dataclasses.replace(SAMPLING, temperature=temperature)
    return sample(
      prompts,
      samples=SAMPLES,
      sampling=sampling,
      limit=limit,
      weights=params,
    )

  return run


@pytest.fixture(scope="module")
def free(judge):
  return judge(budget.UNLIMITED)


def rows(rollout):
  return range(len(rollout.length))


def assert_scripted(said, limit):
  """`limit` tokens of its own, then the script to its end."""
  expected = np.array(tiny.SCRIPT)
  forced = said[limit:]
  assert len(forced) == len(expected)
  choice = forced[PLACE]
  assert choice in tiny.CHOICES
  expected[PLACE] = choice
  assert forced.tolist() == expected.tolist()


def closed_early(rollout, row, limit):
  return tiny.CLOSING_TAG in completion(rollout, row)[:limit]


def test_without_a_budget_nothing_is_forced(free):
  assert not free.forced.any()
  early = [closed_early(free, row, 5) for row in rows(free)]
  assert any(early) and not all(early)  # what the tests below need


@pytest.mark.parametrize("limit", [0, 1, 5])
@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_rows_that_reach_the_budget_are_forced(judge, limit, temperature):
  unlimited = judge(budget.UNLIMITED, temperature)
  rollout = judge(limit, temperature)
  forced_rows = 0
  for row in rows(rollout):
    said, own = completion(rollout, row), completion(unlimited, row)
    if closed_early(unlimited, row, limit) or len(own) <= limit:
      assert said.tolist() == own.tolist()
      assert not rollout.forced[row].any()
      continue
    forced_rows += 1
    assert said[:limit].tolist() == own[:limit].tolist()
    assert_scripted(said, limit)
    start = rollout.prompt_length[row] + limit
    end = rollout.length[row]
    assert np.flatnonzero(rollout.forced[row]).tolist() == [*range(start, end)]
    assert not rollout.sampled[row, start:].any()
    assert rollout.sampled[row, start - limit : start].all()
    assert not rollout.logprobs[row, start:].any()
    assert rollout.stopped[row]
  assert forced_rows
  if limit == 0:
    assert forced_rows == len(rollout.length)
    assert not rollout.sampled.any()


def test_whoever_closes_at_the_last_moment_is_left_alone(judge):
  """The tag as the last token of the budget counts, one later does not."""
  unlimited = judge(budget.UNLIMITED)
  checked = 0
  for row in rows(unlimited):
    said = completion(unlimited, row).tolist()
    if tiny.CLOSING_TAG not in said:
      continue
    place = said.index(tiny.CLOSING_TAG)
    if not 1 <= place <= NEW - len(tiny.SCRIPT):
      continue
    enough, short = judge(place + 1), judge(place)
    assert completion(enough, row).tolist() == said
    assert short.forced[row].any()
    checked += 1
    if checked == 2:
      break
  assert checked


def choice_logits(rollout, row, limit):
  """The two allowed tokens' logits, given what the row wrote before."""
  place = rollout.prompt_length[row] + limit + PLACE
  params = tiny.single(PARAMS)
  hidden, _ = qwen2.forward(
    params, tiny.MODEL, jnp.asarray(rollout.tokens[row : row + 1])
  )
  logits = hidden[0, place - 1] @ qwen2.unembedding(params, tiny.MODEL)
  return np.asarray(logits)[list(tiny.CHOICES)], rollout.tokens[row, place]


def test_the_greedy_choice_is_the_likelier_of_the_two(judge):
  rollout = judge(0, temperature=0.0)
  seen = set()
  for row in range(0, len(rollout.length), SAMPLES):
    logits, chosen = choice_logits(rollout, row, 0)
    assert chosen == tiny.CHOICES[int(np.argmax(logits))]
    seen.add(int(chosen))
  assert len(seen) == 2  # else a constant would pass


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7])
def test_the_choice_has_the_probability_of_the_two(prompts, temperature):
  """400 samples of one prompt at budget 0 against softmax of two logits."""
  one = tiny.take(prompts, [1])
  count = 400
  rollout = sample(
    one,
    samples=count,
    sampling=dataclasses.replace(SAMPLING, temperature=temperature),
    limit=0,
    weights=PARAMS,
  )
  logits, _ = choice_logits(rollout, 0, 0)
  share = 1 / (1 + np.exp((logits[1] - logits[0]) / temperature))
  place = rollout.prompt_length[0] + PLACE
  found = np.mean(rollout.tokens[:, place] == tiny.CHOICES[0])
  assert set(rollout.tokens[:, place]) <= set(tiny.CHOICES)
  assert 0.05 < share < 0.95
  assert abs(found - share) < 3 * (share * (1 - share) / count) ** 0.5


def test_the_script_ends_within_the_room(judge):
  """A budget that leaves just enough room ends with the stop token."""
  limit = NEW - len(tiny.SCRIPT)
  rollout = judge(limit)
  forced = rollout.forced.any(axis=1)
  assert forced.any()
  assert rollout.stopped[forced].all()
  length = rollout.length - rollout.prompt_length
  assert (length[forced] == NEW).all()


def test_without_room_for_the_script(judge):
  with pytest.raises(ValueError, match=r"thinking_budget=12 and the 6 tokens"):
    judge(NEW - 2)


def test_a_budget_beyond_the_room_forces_nothing(judge, free):
  rollout = judge(NEW)
  np.testing.assert_array_equal(rollout.tokens, free.tokens)
  assert not rollout.forced.any()


def test_another_budget_is_no_other_program(judge):
  judge(3)
  before = decode.decode._cache_size()
  for limit in (0, 2, 7, budget.UNLIMITED):
    judge(limit)
  assert decode.decode._cache_size() == before


def test_budgets_per_row():
  """`reach` takes a budget for each row, and starts a script only once."""
  thought = budget.begin(3)
  limits = jnp.array([0, 2, 5])
  starts = []
  for column in range(4):
    thought = budget.reach(thought, jnp.full(3, column), limits)
    starts.append(thought.forced_at.tolist())
  never = budget.UNLIMITED
  assert starts == [
    [0, never, never],
    [0, never, never],
    [0, 2, never],
    [0, 2, never],
  ]


def test_a_forced_tag_does_not_count_as_the_models_own():
  script = jax.tree.map(jnp.asarray, tiny.script())
  thought = budget.reach(budget.begin(2), jnp.zeros(2, int), jnp.array([0, 9]))
  drawn = jnp.array([5, tiny.CLOSING_TAG])
  tokens, forced, thought = budget.follow(
    script, thought, jnp.zeros(2, int), drawn
  )
  assert tokens.tolist() == [tiny.CLOSING_TAG, tiny.CLOSING_TAG]
  assert forced.tolist() == [True, False]
  assert thought.closed_at.tolist() == [budget.UNLIMITED, 0]


def test_only_rows_at_the_choice_are_restricted():
  script = jax.tree.map(jnp.asarray, tiny.script())
  thought = budget.Thought(
    jnp.full(3, budget.UNLIMITED),
    jnp.array([0, 1, budget.UNLIMITED], jnp.int32),
  )
  logits = jnp.zeros((3, 64))
  out = budget.restricted(script, thought, jnp.full(3, PLACE), logits)
  kept = np.asarray(out) == 0
  assert np.flatnonzero(kept[0]).tolist() == [*tiny.CHOICES]
  assert kept[1:].all()
