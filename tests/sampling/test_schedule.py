"""Which request goes where, without a device."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax.sampling.schedule import Request, Schedule, bucket, check
from tests import tiny


@given(st.integers(1, 20_000))
def test_buckets_hold_with_little_waste(length):
  columns = bucket(length)
  assert length <= columns <= 1.25 * length
  assert bucket(columns) == columns


def test_buckets_are_few():
  assert len({bucket(n) for n in range(1, 8193)}) == 48


def served(requests, slots, parts, rng):
  """Runs a schedule to its end: which prompt each request was given."""
  schedule = Schedule(requests, slots, parts)
  given_prompts, shapes, tokens = {}, [], None
  while not schedule.done:
    while schedule.idle and schedule.waiting:
      fresh = schedule.prompts()
      if fresh is not None:
        tokens = fresh
        shapes.append(fresh.shape)
      admitted = schedule.admissions()
      assert admitted
      for slot, row, number in admitted:
        assert schedule.open[slot] == number
        given_prompts[number] = tokens[row]
    busy = [s for s, number in enumerate(schedule.open) if number is not None]
    assert len(busy) == slots or not schedule.waiting
    for slot in rng.permutation(busy)[: rng.integers(1, len(busy) + 1)]:
      schedule.open[slot] = None
  return given_prompts, shapes


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 4))
def test_everyone_is_served_with_their_own_prompt(seed, slots, parts):
  rng = np.random.default_rng(seed)
  prompts = [
    rng.integers(1, 9, rng.integers(1, 40)).tolist()
    for _ in range(rng.integers(1, 8))
  ]
  requests = [
    Request(prompt, i, sample, 5)
    for i, prompt in enumerate(prompts)
    for sample in range(rng.integers(1, 6))
  ]
  found, shapes = served(requests, slots, parts, rng)
  assert sorted(found) == list(range(len(requests)))
  for number, row in found.items():
    own = requests[number].tokens
    assert row[: len(own)].tolist() == list(own)
    assert not row[len(own) :].any() and len(row) == bucket(max(16, len(own)))
  assert all(rows % parts == 0 for rows, _ in shapes)
  assert len({rows for rows, _ in shapes}) == 1
  assert [c for _, c in shapes] == sorted((c for _, c in shapes), reverse=True)


def test_a_prompt_is_read_once_for_its_group():
  requests = [Request([7, 8, i // 16], i // 16, i % 16, 5) for i in range(64)]
  found, shapes = served(requests, 8, 1, np.random.default_rng(0))
  assert len(found) == 64
  assert sum(rows for rows, _ in shapes) == 4


def test_two_prompts_of_one_name_are_two():
  """Of a hundred thousand prompts two share their 32 bits, as likely as not."""
  requests = [Request([7], 3, 0, 5), Request([8], 3, 0, 5)]
  found, _ = served(requests, 2, 1, np.random.default_rng(0))
  assert [found[0][0], found[1][0]] == [7, 8]


def test_the_last_rows_are_drawn_together():
  requests = [Request([i], i, 0, 5) for i in range(7)]
  schedule = Schedule(requests, 6)
  schedule.prompts()
  schedule.admissions()
  schedule.open[0] = schedule.open[2] = schedule.open[3] = None
  assert schedule.draw_together(3) is None  # one is waiting
  while schedule.waiting:
    schedule.prompts()
    schedule.admissions()
  left = list(schedule.open)
  assert schedule.draw_together(3) is None  # four are busy
  assert schedule.draw_together(6) is None and schedule.open == left
  assert schedule.draw_together(5) == [0, 1, 4, 5, 2]
  assert schedule.open == [6, 1, 4, 5, None]


@pytest.mark.parametrize(
  ("request_", "message"),
  [
    (Request([], 4, 0, 5), r"request 2 \(prompt 4\) has an empty prompt"),
    (Request([1], 4, 0, 0), "max_new_tokens=0 must be at least 1"),
    (
      Request([1] * 30, 4, 0, 3),
      "30 tokens and max_new_tokens=3 make 33, .* max_positions=32; shorten",
    ),
    (
      Request([1], 4, 0, 9, thinking_budget=4),
      "thinking_budget=4 and the 6 tokens .* not fit into max_new_tokens=9",
    ),
  ],
)
def test_what_cannot_be_served(request_, message):
  cfg = tiny.variant(max_positions=32)
  with pytest.raises(ValueError, match=message):
    check(2, request_, cfg, 6)
  check(2, Request([1] * 29, 4, 0, 3, thinking_budget=3), cfg, 6)
