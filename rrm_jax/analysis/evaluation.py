"""What is reported of a judge that was asked about labelled comparisons."""

from collections.abc import Sequence

from rrm_jax import config
from rrm_jax.analysis import accuracy, test_time
from rrm_jax.records import Comparison, Judgement


def figures(
  judgements: Sequence[Judgement],
  comparisons: Sequence[Comparison],
  cfg: config.Evaluate,
) -> dict:
  """The figures of an evaluation, ready for JSON.

  Returns:
    What `accuracy.summary` gives; and `models`, as `summary.readable` takes
    them: one, "judge", with these figures and the majority of its votes.

  Raises:
    ValueError: see `accuracy.summary`.
  """
  summary = accuracy.summary(judgements, comparisons, invalid=cfg.invalid)
  model: dict = {"temperatures": {str(cfg.sampling.temperature): summary}}
  if cfg.samples > 1:
    # Of both orders the data's own: half of the ballots, the same election.
    ballots = judgements
    if cfg.order == "both":
      ballots = [j for j in judgements if not j.swapped]
    ks = list(range(1, cfg.samples + 1, 2))
    model["votes"] = test_time.votes(ballots, comparisons, ks)
  return {**summary, "models": {"judge": model}}
