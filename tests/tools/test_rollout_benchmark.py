"""The suite of rollouts: what it asks for, its sums, who fails and who not."""

import numpy as np
import pytest

from rrm_jax import config
from tools.benchmark import floor, scoreboard, workloads


@pytest.mark.parametrize("name", workloads.NAMES)
def test_a_workload_follows_from_its_seed(name):
  made = workloads.make(name, 8_192)
  assert made == workloads.make(name, 8_192)
  assert made != workloads.make(name, 8_192, seed=1)
  few = workloads.make(name, 9)
  ids = {i for r in few.requests for i in r.prompt}
  assert ids == set(range(1, 9))  # 0 fills rows elsewhere


@pytest.mark.parametrize("name", workloads.NAMES)
def test_completions_of_a_group_share_its_prompt(name):
  made = workloads.make(name, 8_192)
  prompts = {r.group: r.prompt for r in made.requests}
  assert all(r.prompt == prompts[r.group] for r in made.requests)
  assert len(set(prompts.values())) == len(prompts)
  assert made.prompt_tokens == sum(map(len, prompts.values()))
  assert len({(r.group, r.sample) for r in made.requests}) == len(made.requests)
  groups = [r.group for r in made.requests]
  assert groups == sorted(groups)


def lengths(name, **how):
  return np.array([r.length for r in workloads.make(name, 99, **how).requests])


def test_lengths():
  assert lengths("equal").tolist() == [256] * 32
  assert lengths("equal", shrink=16).tolist() == [16] * 32
  ragged = np.concatenate([lengths("ragged", seed=i) for i in range(50)])
  assert ragged.size == 50 * 128 and ragged.min() >= 1 and ragged.max() == 300
  # Lognormal: the mean as asked for but for the cut, the median below it.
  assert 72 < ragged.mean() < 76
  assert np.median(ragged) == pytest.approx(75 * np.exp(-0.18), rel=0.03)
  inside = np.log(ragged[ragged < 300])
  assert inside.std() == pytest.approx(workloads.SIGMA, rel=0.05)
  for name, count in (("groups_8x8", 8), ("groups_4x16", 4)):
    made = workloads.make(name, 99)
    assert len(made.requests) == 64 and lengths(name).max() <= 256
    assert {r.group for r in made.requests} == set(range(count))
    assert {len(r.prompt) for r in made.requests} == {512}


def test_mean_live_length():
  """Tokens 0, 1, 2 after 10 see 10, 11, 12; one token after 4 sees 4."""
  made = workloads.Workload(
    "by hand",
    (
      workloads.Request((1,) * 10, 0, 0, 3),
      workloads.Request((2,) * 4, 1, 0, 1),
    ),
  )
  assert made.live == (10 + 11 + 12 + 4) / 4
  assert (made.tokens, made.prompt_tokens) == (4, 14)


@pytest.mark.parametrize(
  ("how", "words"),
  [
    ({"name": "equals"}, "'equals' is no workload; there are equal, ragged"),
    ({"name": "equal", "shrink": 65}, "shrink=65 must be from 1 to 64"),
  ],
)
def test_a_workload_that_there_is_not(how, words):
  with pytest.raises(ValueError, match=words):
    workloads.make(vocab=99, **how)


SHAPE = config.Model(
  vocab_size=100,
  embed_dim=8,
  mlp_dim=16,
  num_layers=3,
  num_heads=4,
  num_kv_heads=2,
  head_dim=2,
)


def test_the_cost_of_a_step_by_hand():
  # q and o 8x8, k and v 8x4, gate, up and down 8x16; the unembedding 8x100.
  elements = 3 * (2 * 64 + 2 * 32 + 3 * 128) + 800
  cost = floor.step_cost(SHAPE, rows=5, live=7.5, itemsize=4)
  assert cost.weights == elements * 4 == 4 * 2528
  # Keys and values: 2 heads of 2 in 3 layers.
  assert cost.cache == 5 * 7.5 * 2 * 4 * 3 * 4
  # Scores and sums: 4 heads of 2.
  assert cost.flops == 2 * 5 * elements + 5 * 7.5 * 3 * (2 + 2) * 8
  assert floor.prompt_flops(SHAPE, 10) == 2 * 10 * (elements - 800)


def test_the_floor_by_hand():
  cost = floor.Cost(weights=60.0, cache=40.0, flops=300.0)
  rates = floor.Rates(copied=10.0, skinny=100.0, wide=50.0)
  least = floor.floor(cost, rates, rows=4, tokens=40, prompts=250.0)
  assert least == floor.Floor(10.0, 5.0, 0.4, 40 / (10 * 10.0 + 5.0))
  computing = floor.floor(cost, rates._replace(skinny=15.0), 4, 40, 250.0)
  assert computing.step == 20.0


def test_measured_rates_are_of_this_world():
  rates = floor.measure(SHAPE, rows=4, dtype="float32")
  assert 1e8 < rates.copied < 1e13
  assert all(1e4 < rate < 1e16 for rate in (rates.skinny, rates.wide))


LEAST = floor.Floor(0.1, 1.0, tokens_per_second=160.0, with_prompts=100.0)


def rounds(*seconds, steps=0):
  return [
    scoreboard.Round(s, 2 * s, 0.25, steps, 2_000_000_000) for s in seconds
  ]


def test_medians_and_the_first_round():
  one = scoreboard.row("a", rounds(9.0, 1.0, 4.0, 2.0, steps=8), 64, 16, LEAST)
  assert (one.rate, one.of_floor, one.compiling) == (32.0, 0.2, 7.0)
  assert (one.first, one.cores, one.peak) == (250.0, 4.0, 2.0)
  assert (one.steps, one.step, one.occupancy) == (8, 250.0, 0.5)
  unknown = scoreboard.row("b", rounds(1.0, 2.0), 64, 16, LEAST)
  assert unknown.steps is unknown.step is unknown.occupancy is None
  assert unknown.compiling == 0.0


def rows():
  return scoreboard.compared(
    [
      scoreboard.row("ours", rounds(3.0, 1.0, steps=5), 64, 16, LEAST),
      scoreboard.row("other", rounds(4.0, 4.0, steps=10), 64, 16, LEAST),
      scoreboard.row("third", rounds(3.0, 2.0), 64, 16, LEAST),
      scoreboard.Rollout("fourth", error="absent: run it"),
    ]
  )


def test_the_table():
  lines = scoreboard.table(rows(), scoreboard.ROLLOUT).splitlines()
  assert [line.split()[0] for line in lines[1:]] == [
    "ours", "other", "third", "fourth"
  ]  # fmt: skip
  assert lines[1].split()[1:4] == ["64", "1.00", "0.40"]
  assert lines[2].split()[1:4] == ["16", "0.25", "0.10"]
  assert lines[3].split()[-3:] == ["-"] * 3
  assert lines[4].endswith("absent: run it")
  assert len({*map(len, lines[:4])}) == 1


def test_factors_multiply_to_our_lead():
  (line,) = scoreboard.factors(rows())
  assert line.startswith(
    "ours is 4.00 x other: 2.00 by occupancy (0.80 against"
  )
  assert "x 2.00 by the step (200.0 against 400.0 ms)" in line
  assert scoreboard.factors(rows()[1:]) == []


def test_the_picture(tmp_path):
  chart = scoreboard.Chart("equal", rows(), 160.0, "a step", "useful tokens")
  scoreboard.draw(tmp_path / "a.png", [chart, chart, chart])
  assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
