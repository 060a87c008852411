import pytest

from rrm_jax.records import Invalid, Verdict
from rrm_jax.text.reward import reward

NOBODY = Verdict(None, Invalid.TRUNCATED)


@pytest.mark.parametrize("label", [1, 2])
def test_reward(label):
  assert reward(Verdict(label), label) == 1.0
  assert reward(Verdict(3 - label), label) == -1.0
  assert reward(NOBODY, label) == -1.0


@pytest.mark.parametrize("label", [0, 3, -1])
def test_label_must_be_one_of_two(label):
  with pytest.raises(ValueError, match=f"label={label} must be 1 or 2"):
    reward(Verdict(1), label)
