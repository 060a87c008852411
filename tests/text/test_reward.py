import pytest

from rrm_jax.records import Invalid, Verdict
from rrm_jax.text.reward import reward, score

NOBODY = Verdict(None, Invalid.TRUNCATED)


@pytest.mark.parametrize("label", [1, 2])
def test_reward(label):
  assert reward(Verdict(label), label) == 1.0
  assert reward(Verdict(3 - label), label) == -1.0
  assert reward(NOBODY, label) == -1.0


@pytest.mark.parametrize("label", [1, 2])
@pytest.mark.parametrize("invalid", [0.0, 0.5])
def test_score(label, invalid):
  assert score(Verdict(label), label, invalid) == 1.0
  assert score(Verdict(3 - label), label, invalid) == 0.0
  assert score(NOBODY, label, invalid) == invalid


@pytest.mark.parametrize("label", [0, 3, -1])
def test_label_must_be_one_of_two(label):
  with pytest.raises(ValueError, match=f"label={label} must be 1 or 2"):
    reward(Verdict(1), label)
  with pytest.raises(ValueError, match=f"label={label} must be 1 or 2"):
    score(NOBODY, label, 0.5)
