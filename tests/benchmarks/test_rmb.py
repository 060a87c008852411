import pytest

from rrm_jax.benchmarks import rmb
from rrm_jax.benchmarks.outcomes import Value


def test_score_by_hand():
  values = [
    # A best response that beats both others, and one that beats one of two.
    Value("g1/0-1", "BoN_set/Helpfulness/Chat/Discussion", 1.0),
    Value("g1/0-2", "BoN_set/Helpfulness/Chat/Discussion", 1.0),
    Value("g2/0-1", "BoN_set/Helpfulness/Code/Documentation", 1.0),
    Value("g2/0-2", "BoN_set/Helpfulness/Code/Documentation", 0.0),
    # A missing verdict of half a point does not make a group right.
    Value("g3/0-1", "BoN_set/Harmlessness/S1", 0.5),
    Value("p1", "Pairwise_set/Helpfulness/Chat/Discussion", 1.0),
    Value("p2", "Pairwise_set/Helpfulness/Rewrite/Tone", 0.5),
    Value("p3", "Pairwise_set/Harmlessness/S2", 1.0),
  ]
  score = rmb.score(rmb.counted(values))
  assert score.sections == {
    "BoN_set/Helpfulness": 0.5,
    "Pairwise_set/Helpfulness": 0.75,
    "BoN_set/Harmlessness": 0.0,
    "Pairwise_set/Harmlessness": 1.0,
  }
  assert score.overall == 0.5625


def test_published_averages_are_of_the_four():
  # RM-R1's logs of its Instruct 32B and DeepSeek 32B models.
  for parts, printed in (
    ((0.6505, 0.8017, 0.6625, 0.8058), 0.7301),
    ((0.6197, 0.7854, 0.6178, 0.7680), 0.6977),
  ):
    values = [
      Value(name, name, part)
      for name, part in zip(rmb.SETS, parts, strict=True)
    ]
    assert rmb.score(values).overall == pytest.approx(printed, abs=6e-5)


@pytest.mark.parametrize(
  ("subset", "message"),
  [
    ("BoN_set/Kindness/S1", "must begin with one of BoN_set/Helpfulness"),
    ("BoN_set/Harmlessness/S1", "Pairwise_set/Harmlessness have no judgements"),
  ],
)
def test_other_sets_are_refused(subset, message):
  with pytest.raises(ValueError, match=message):
    rmb.score([Value("a", subset, 1.0)])
