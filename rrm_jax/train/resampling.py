"""Which groups a step learns from, and what comes in the place of the others.

A group whose rewards are all equal has no advantage, it only dilutes the
update; others are sampled in its place (DAPO, arXiv 2503.14476, section 3.2),
here in a bounded number of rounds. All of it is host work on rewards, the same
on every process.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from rrm_jax import config
from rrm_jax.prompts import Prompt
from rrm_jax.records import Comparison, Judgement
from rrm_jax.sampling.completions import Completion


class Groups(NamedTuple):
  """P comparisons as they were shown, and what N = P * G samples became."""

  prompts: list[Prompt]
  completions: list[Completion]
  judgements: list[Judgement]
  rewards: Float[np.ndarray, "P G"]


@dataclasses.dataclass(frozen=True)
class Drawn:
  """What a step has sampled.

  Attributes:
    first: Of the step's own comparisons. Its figures are of these, so that a
      learning curve shows the policy and not the choice.
    groups: As many, for its update, those to learn from in front: dealt like
      cards, each minibatch gets about as many of them.
    kept: Which of `groups` are to learn from; None for all, as they come.
    resampled: How many other comparisons each further round asked for.
  """

  first: Groups
  groups: Groups
  kept: Bool[np.ndarray, " P"] | None = None
  resampled: Sequence[int] = ()

  @property
  def kept_rows(self) -> Bool[np.ndarray, " N"] | None:
    """The same, of rows."""
    if self.kept is None:
      return None
    return np.repeat(self.kept, self.groups.rewards.shape[1])


def draw(
  judged: Callable[[Sequence[Comparison]], Groups],
  comparisons: Sequence[Comparison],
  others: Iterator[Comparison],
  stage: config.Grpo,
) -> Drawn:
  """Judges a step's comparisons, and others for those that say nothing.

  Where rounds or others run out, fewer groups than P are to learn from.

  Args:
    judged: Samples and rewards the groups of some comparisons.
    comparisons: The step's own [P].
    others: What may come in their place. None of these is among them or comes
      twice: what is sampled follows from the comparison and the step alone.
    stage: Which groups to keep, and how many rounds to go on.
  """
  first = asked = judged(comparisons)
  if not stage.pass_rates:
    return Drawn(first, first)
  resampled = []
  for _ in range(stage.resampling_rounds):
    kept = informative(asked.rewards, stage.pass_rates)
    fresh = list(itertools.islice(others, len(comparisons) - int(kept.sum())))
    if not fresh:
      break
    asked = _joined(asked, judged(fresh))
    resampled.append(len(fresh))
  kept = informative(asked.rewards, stage.pass_rates)
  chosen = np.argsort(~kept, stable=True)[: len(comparisons)]
  return Drawn(first, _taken(asked, chosen), kept[chosen], resampled)


def informative(
  rewards: Float[np.ndarray, "P G"], pass_rates: tuple[float, ...]
) -> Bool[np.ndarray, " P"]:
  """Where rewards differ, and the share of right ones lies in the band."""
  least, greatest = pass_rates
  share = np.mean(rewards > 0, axis=1)
  return _differ(rewards) & (least <= share) & (share <= greatest)


def figures(drawn: Drawn, stage: config.Grpo) -> dict[str, float]:
  """How the update's groups were chosen; none where all are kept.

  Returns:
    `out_of_band`, the share of the first groups whose rewards differ but lie
    outside the band; `dropped`, the share of the update's groups that weigh
    nothing: at 1 the step has changed nothing; `rounds` and `resampled`, how
    many further rounds there were, and comparisons in them.
  """
  if drawn.kept is None:
    return {}
  rewards = drawn.first.rewards
  outside = _differ(rewards) & ~informative(rewards, stage.pass_rates)
  return {
    "out_of_band": float(outside.mean()),
    "dropped": float(1 - drawn.kept.mean()),
    "rounds": float(len(drawn.resampled)),
    "resampled": float(sum(drawn.resampled)),
  }


def _differ(rewards: np.ndarray) -> np.ndarray:
  return np.ptp(rewards, axis=1) > 0


def _joined(one: Groups, other: Groups) -> Groups:
  return Groups(
    one.prompts + other.prompts,
    one.completions + other.completions,
    one.judgements + other.judgements,
    np.concatenate([one.rewards, other.rewards]),
  )


def _taken(groups: Groups, chosen: np.ndarray) -> Groups:
  """Some of the groups, by their numbers."""
  samples = groups.rewards.shape[1]
  rows = [group * samples + i for group in chosen for i in range(samples)]
  return Groups(
    [groups.prompts[group] for group in chosen],
    [groups.completions[row] for row in rows],
    [groups.judgements[row] for row in rows],
    groups.rewards[chosen],
  )
