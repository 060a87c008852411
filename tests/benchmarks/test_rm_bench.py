import numpy as np
import pytest

from rrm_jax.benchmarks import rm_bench
from rrm_jax.benchmarks.outcomes import Value
from rrm_jax.benchmarks.score import Interval
from tests.benchmarks.test_score import assert_same_interval

# Right answers by row, wrong ones by column, styles from plain to rich.
MATRIX = np.array([[0.8, 0.5, 0.3], [0.9, 0.7, 0.4], [1.0, 0.6, 0.6]])


def prompt(uid, domain, cells):
  return [
    Value(f"{uid}/{right}-{wrong}", domain, float(cells[right][wrong]))
    for right in range(3)
    for wrong in range(3)
  ]


def four_domains(cells):
  domains = ("chat", "math", "code", "safety-refuse")
  return [v for name in domains for v in prompt(name, name, cells)]


def test_a_matrix_by_hand():
  assert rm_bench.difficulties(MATRIX) == pytest.approx(
    {"easy": 2.5 / 3, "normal": 2.1 / 3, "hard": 1.2 / 3}
  )


def test_the_rotation_is_not_read_twice():
  """A judge for whom style decides: easy is 1, hard 0, and stays so.

  The released aggregator gives it an easy of 2/3 and a hard of 1/3.
  """
  rich_wins = np.tril(np.ones((3, 3)), -1) + 0.5 * np.eye(3)
  sections = rm_bench.score(four_domains(rich_wins)).sections
  assert (sections["easy"], sections["normal"], sections["hard"]) == (1, 0.5, 0)
  second_is_third = rich_wins.copy()
  second_is_third[0, 1] = rich_wins[0, 2]
  second_is_third[1, 2] = rich_wins[1, 0]
  second_is_third[2, 0] = rich_wins[2, 1]
  assert rm_bench.difficulties(second_is_third) != rm_bench.difficulties(
    rich_wins
  )


def test_score_by_hand():
  values = [
    *prompt("a", "chat", np.ones((3, 3))),
    *prompt("b", "chat", np.zeros((3, 3))),
    *prompt("c", "math", MATRIX),
    *prompt("d", "code", np.eye(3)),
    *prompt("e", "safety-refuse", np.ones((3, 3))),
    *prompt("f", "safety-response", np.ones((3, 3))),
  ]
  score = rm_bench.score(values)
  assert score.sections == pytest.approx(
    {
      "chat": 0.5,
      "math": 5.8 / 9,
      "code": 1 / 3,
      "safety": 1,
      "easy": (0.5 + 2.5 / 3 + 0 + 1) / 4,
      "normal": (0.5 + 0.7 + 1 + 1) / 4,
      "hard": (0.5 + 0.4 + 0 + 1) / 4,
    }
  )
  assert score.overall == pytest.approx((0.5 + 5.8 / 9 + 1 / 3 + 1) / 4)
  assert sum(one.weight * one.mean for one in score.strata) == pytest.approx(
    score.overall
  )
  # Only chat has two prompts of different worth: 0, 1/2 or 1 of its quarter.
  low, high = score.interval()
  assert high - low == pytest.approx(0.25)


def test_difficulties_have_the_intervals_of_prompts_drawn_anew():
  rng = np.random.default_rng(0)
  counts = {"chat": 20, "math": 60, "code": 30, "safety-refuse": 40}
  # A prompt is easy or hard as a whole, so its cells go together.
  cells = {
    name: (rng.random((n, 1, 1)) < 0.7) * (rng.random((n, 3, 3)) < 0.8) * 1.0
    for name, n in counts.items()
  }
  values = [
    value
    for name, matrices in cells.items()
    for place, one in enumerate(matrices)
    for value in prompt(f"{name}-{place}", name, one)
  ]
  found = {
    row["name"]: row for row in rm_bench.score(values).as_dict()["parts"]
  }
  brute = {level: np.zeros(20_000) for level in rm_bench.LEVELS}
  for matrices in cells.values():
    drawn = rng.integers(len(matrices), size=(20_000, len(matrices)))
    flat = np.array([list(rm_bench.difficulties(m).values()) for m in matrices])
    for place, level in enumerate(rm_bench.LEVELS):
      brute[level] += flat[drawn, place].mean(-1) / 4
  for level, totals in brute.items():
    row = found[level]
    assert row["counted"] == 150 * 3
    assert (
      row["accuracy"] == rm_bench.score(values).as_dict()["sections"][level]
    )
    assert_same_interval(Interval(row["low"], row["high"]), totals)


def test_prompts_that_are_not_whole_are_left_out():
  values = four_domains(np.ones((3, 3)))
  torn = [*values, *prompt("torn", "chat", np.zeros((3, 3)))[:8]]
  assert rm_bench.whole_prompts(torn) == values


@pytest.mark.parametrize(
  ("value", "message"),
  [
    (Value("a/0-0", "poetry", 1.0), "subset='poetry' of 'a/0-0' must begin"),
    (Value("a/0-0", "chat", 1.0), "domains math, code, safety have no prompt"),
  ],
)
def test_other_domains_are_refused(value, message):
  with pytest.raises(ValueError, match=message):
    rm_bench.score([value])


@pytest.mark.parametrize(
  ("uid", "message"),
  [("a/0-3", "styles count from 0 to 2"), ("a-0-1", "must end in /RIGHT-WRON")],
)
def test_other_names_are_refused(uid, message):
  with pytest.raises(ValueError, match=message):
    rm_bench.whole_prompts([Value(uid, "chat", 1.0)])
