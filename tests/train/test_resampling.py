"""Which groups are kept, and what takes the place of the others."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.prompts import Prompt
from rrm_jax.records import Comparison, Finish, Judgement, Message, Verdict
from rrm_jax.sampling.completions import Completion
from rrm_jax.train.resampling import Groups, draw, figures, informative

SAMPLES = 4


def comparison(number, right):
  """One of whose samples so many will be right."""
  uid = f"{number}/{right}"
  return Comparison(uid, (Message("user", "?"),), ("a", "b"), 1)


def comparisons(*rights, first=0):
  return [comparison(first + i, right) for i, right in enumerate(rights)]


def judged(asked):
  """Groups; each completion's first token is the comparison's number."""
  numbers, rights = np.array([one.uid.split("/") for one in asked], int).T
  rows = [(one, i) for one in asked for i in range(SAMPLES)]
  nothing = np.zeros(0)
  return Groups(
    [Prompt(one, False, [1]) for one in asked],
    [
      Completion(np.array([number, i]), nothing, nothing, True)
      for number in numbers
      for i in range(SAMPLES)
    ],
    [
      Judgement(one.uid, i, False, Verdict(1), "", 1, 0, 2, Finish.STOPPED)
      for one, i in rows
    ],
    np.where(np.arange(SAMPLES) < rights[:, None], 1.0, -1.0),
  )


def stage(rounds=0, rates=(0.0, 1.0)):
  return config.Grpo(
    1, 1, SAMPLES, config.Optimizer(), config.Sampling(),
    pass_rates=rates, resampling_rounds=rounds,
  )  # fmt: skip


def rights(groups):
  return (groups.rewards > 0).sum(axis=1).tolist()


def uids(groups):
  return [one.comparison.uid for one in groups.prompts]


@pytest.mark.parametrize(
  ("rates", "kept"),
  [
    ((0, 1), [False, True, True, True, False]),
    ((0.25, 0.75), [False, True, True, True, False]),
    ((0.26, 0.75), [False, False, True, True, False]),
    ((0.5, 0.5), [False, False, True, False, False]),
    ((0.6, 1), [False, False, False, True, False]),
  ],
)
def test_the_band(rates, kept):
  """Of 0 to 4 right samples; its ends are in it."""
  rewards = judged(comparisons(0, 1, 2, 3, 4)).rewards
  assert informative(rewards, rates).tolist() == kept


def test_without_a_band_all_is_kept_as_it_comes():
  own = comparisons(4, 1, 0)
  drawn = draw(judged, own, iter(()), stage(rates=()))
  assert drawn.groups is drawn.first
  assert uids(drawn.groups) == [one.uid for one in own]
  assert drawn.kept is None and drawn.kept_rows is None
  assert figures(drawn, stage(rates=())) == {}


def test_what_says_nothing_is_dropped():
  banded = stage(0, (0, 0.5))
  drawn = draw(judged, comparisons(4, 1, 0, 3), iter(()), banded)
  assert uids(drawn.first) == ["0/4", "1/1", "2/0", "3/3"]
  assert uids(drawn.groups) == ["1/1", "0/4", "2/0", "3/3"]
  assert drawn.kept.tolist() == [True, False, False, False]
  assert drawn.kept_rows.tolist() == [True] * 4 + [False] * 12
  assert figures(drawn, banded) == {
    "out_of_band": 0.25, "dropped": 0.75, "rounds": 0, "resampled": 0,
  }  # fmt: skip


def test_others_come_in_its_place():
  """Three are missing, then two, then one; nothing is asked for nothing."""
  asked = []

  def noted(some):
    asked.append([one.uid for one in some])
    return judged(some)

  own, others = comparisons(0, 2, 4, 4), comparisons(0, 1, 4, 3, 0, 2, first=4)
  drawn = draw(noted, own, iter(others), stage(4))
  assert asked == [
    ["0/0", "1/2", "2/4", "3/4"], ["4/0", "5/1", "6/4"], ["7/3", "8/0"],
    ["9/2"],
  ]  # fmt: skip
  assert uids(drawn.groups) == ["1/2", "5/1", "7/3", "9/2"]
  assert rights(drawn.first) == [0, 2, 4, 4]
  assert drawn.kept.all()
  assert figures(drawn, stage(4)) == {
    "out_of_band": 0, "dropped": 0, "rounds": 3, "resampled": 6,
  }  # fmt: skip


def test_everything_may_be_dropped():
  drawn = draw(judged, comparisons(0, 4), itertools.cycle([]), stage(3))
  assert not drawn.kept.any()
  assert uids(drawn.groups) == ["0/0", "1/4"]
  assert figures(drawn, stage(3))["dropped"] == 1


many = st.integers(0, SAMPLES)
bands = st.sampled_from([(0.0, 1.0), (0.2, 0.5), (0.75, 1.0)])


@given(
  st.lists(many, min_size=1, max_size=8),
  st.lists(many, max_size=20),
  st.integers(0, 4),
  bands,
)
def test_any_draw(own, others, rounds, band):
  spare = iter(comparisons(*others, first=len(own)))
  drawn = draw(judged, comparisons(*own), spare, stage(rounds, band))
  says = [0 < n < 4 and band[0] <= n / 4 <= band[1] for n in range(5)]
  # As many good ones as the rounds come across.
  asked, missing = [], sum(not says[n] for n in own)
  for _ in range(rounds):
    fresh = others[sum(asked) : sum(asked) + missing]
    asked += [len(fresh)] if fresh else []
    missing -= sum(says[n] for n in fresh)
  assert list(drawn.resampled) == asked
  assert drawn.kept.tolist() == [
    i < len(own) - missing for i in range(len(own))
  ]
  assert [says[n] for n in rights(drawn.groups)] == drawn.kept.tolist()
  assert len(set(uids(drawn.groups))) == len(own)
  mine = {one.uid for one in comparisons(*own)}
  kept = dict(zip(uids(drawn.groups), drawn.kept, strict=True))
  assert all(uid in mine for uid, stays in kept.items() if not stays)
  assert all(kept.get(uid) for uid in mine if says[int(uid[-1])])
  # Rows stay with their comparison.
  owners = [uid for uid in uids(drawn.groups) for _ in range(SAMPLES)]
  assert [one.uid for one in drawn.groups.judgements] == owners
  assert [one.tokens.tolist() for one in drawn.groups.completions] == [
    [int(uid.split("/")[0]), row % SAMPLES] for row, uid in enumerate(owners)
  ]
