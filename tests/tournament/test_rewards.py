"""Rewards of a group: who meets whom, and what the verdicts are worth."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import rewards, simulated
from tests.tournament.groups import group, ordered

METHODS = ("bradley_terry", "elo", "fast")


def shown(question):
  places = question.comparison.uid.split("/")[1].split("-")
  return places[::-1] if question.swapped else places


@given(
  count=st.integers(1, 20), half=st.integers(1, 6), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_the_schedule_is_balanced(count, half, seed):
  asked = rewards.questions(group(count), 2 * half, seed)
  first = collections.Counter(shown(question)[0] for question in asked)
  second = collections.Counter(shown(question)[1] for question in asked)
  each = min(half, count - 1)
  assert first == second
  assert set(first.values()) <= {each} and len(first) == (count if each else 0)
  assert all(a != b for a, b in map(shown, asked))
  keys = [(q.comparison.uid, q.sample_id, q.swapped) for q in asked]
  assert len(set(keys)) == len(keys) == count * each
  met = {frozenset(shown(question)) for question in asked}
  assert len(met) == min(count * each, count * (count - 1) // 2)


@pytest.mark.parametrize("method", METHODS)
def test_better_responses_get_more(method):
  one = group(8)
  asked = rewards.questions(one, 14)
  found = rewards.rewards(one, ordered()(asked), method)
  assert np.argsort(found).tolist() == list(range(8))
  assert ((found >= 0) & (found <= 1)).all()
  assert found.mean() == pytest.approx(0.5, abs=1e-9)
  assert found[7] - found[0] > 0.4


@pytest.mark.parametrize("method", METHODS)
def test_a_judge_of_slots_says_nothing(method):
  one = group(8)
  judge = simulated.biased(ordered(), 1.0)
  found = rewards.rewards(one, judge(rewards.questions(one, 4)), method)
  np.testing.assert_allclose(found, 0.5, atol=1e-3 if method == "elo" else 1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_invalid_verdicts_are_missing(method):
  one = group(6)
  asked = rewards.questions(one, 10)
  answers = ordered()(asked)
  silent = simulated.invalid(ordered(), 1.0)(asked)
  found = rewards.rewards(one, [*answers, *silent], method)
  np.testing.assert_array_equal(found, rewards.rewards(one, answers, method))
  np.testing.assert_allclose(rewards.rewards(one, silent, method), 0.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("texts", ["aab", "aaaa", "abcb"])
def test_equal_responses_get_equal_rewards(method, texts):
  one = Candidates("p", (Message("user", "?"),), tuple(texts))
  judge = simulated.planted(lambda text: 1e9 * ord(text))
  found = rewards.rewards(one, judge(rewards.questions(one)), method)
  by_text = collections.defaultdict(set)
  for text, value in zip(texts, found.tolist(), strict=True):
    by_text[text].add(value)
  assert all(len(values) == 1 for values in by_text.values())
  if len(by_text) == 1:
    assert set(found.tolist()) == {0.5}
  else:
    assert found.argmax() == texts.index(max(texts))


@given(st.permutations(range(12)))
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_answers_does_not_matter(method, order):
  one = group(6)
  answers = ordered(0.5)(rewards.questions(one))
  shuffled = [answers[i] for i in order]
  np.testing.assert_allclose(
    rewards.rewards(one, shuffled, method),
    rewards.rewards(one, answers, method),
    atol=1e-12,
  )


def test_bradley_terry_ranks_a_group_better_than_wins_do():
  """With 2n noisy games the strength of opponents says something."""
  right = dict.fromkeys(METHODS, 0)
  for number in range(150):
    one = group(8, f"p{number}")
    answers = ordered(1.0)(rewards.questions(one, 4))
    for method in METHODS:
      found = rewards.rewards(one, answers, method)
      later, earlier = np.tril_indices(8, -1)
      right[method] += (found[later] > found[earlier]).sum()
  assert right["bradley_terry"] >= right["fast"]
  assert right["bradley_terry"] / (150 * 28) > 0.75


@pytest.mark.parametrize("opponents", [0, 1, 3])
def test_an_odd_number_of_opponents_is_refused(opponents):
  with pytest.raises(
    ValueError, match=f"opponents={opponents} must be an even"
  ):
    rewards.questions(group(4), opponents)


def test_answers_to_another_group_are_refused():
  answers = ordered()(rewards.questions(group(4, "q")))
  with pytest.raises(ValueError, match="is of no pair of the group 'p'"):
    rewards.rewards(group(4), answers)
