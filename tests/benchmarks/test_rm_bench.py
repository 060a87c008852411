import numpy as np
import pytest

from rrm_jax.benchmarks import rm_bench
from rrm_jax.benchmarks.outcomes import Value

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
