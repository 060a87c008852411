"""Every benchmark's protocol in one table, and a run scored by it.

A report has the published rule as its harness applies it, under each way to
count a missing verdict, and beside it the honest one: both orders of every
comparison, with an interval.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from rrm_jax.benchmarks import (
  gsm8k,
  humanevalpack,
  judgebench,
  llmbar,
  outcomes,
  pandalm,
  ppe,
  rewardbench,
  rewardbench2,
  rm_bench,
  rmb,
)
from rrm_jax.benchmarks.outcomes import Outcome, Value
from rrm_jax.benchmarks.score import Score
from rrm_jax.records import Comparison

_ONE_ORDER = "one, by an unseeded coin"
_ONE_ORDER_OF_OURS = "one, the data's, by a stable coin; the rule is ours"
_BOTH_ORDERS = "both"
_NOT_BOTH = "both, but here not all was shown in both: another number"
# The two ways to count a missing verdict that papers use.
RRM_RULE = "RRM: a missing verdict is 0.5"
RM_R1_RULE = "RM-R1: a missing verdict is 0"
INVALID_RULES = {
  RRM_RULE: outcomes.RRM_INVALID,
  RM_R1_RULE: outcomes.RM_R1_INVALID,
}


def _as_they_are(values: Sequence[Value]) -> list[Value]:
  return list(values)


def _no_details(judged: Sequence[Outcome]) -> dict:
  del judged
  return {}


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How a benchmark is scored.

  Attributes:
    title: What people call it.
    rule: The published rule, in words.
    ours: Whether it is not published but our own, for want of one for pairs.
    order: In which orders the published harness shows a pair.
    score: From what counts to the score.
    counted: From comparisons to what counts: themselves, or whole groups.
    published: Comparisons' points by the published rule, where that is another
      one than the mean over the order shown.
    details: Further published measures.
  """

  title: str
  rule: str
  score: Callable[[Sequence[Value]], Score]
  ours: bool = False
  order: str = _ONE_ORDER
  counted: Callable[[Sequence[Value]], list[Value]] = _as_they_are
  published: Callable[[Sequence[Outcome], float], list[Value]] | None = None
  details: Callable[[Sequence[Outcome]], dict] = _no_details


PROTOCOLS: Mapping[str, Protocol] = {
  "rewardbench": Protocol(
    title="RewardBench",
    rule="mean of 4 sections; subsets by their size, math-prm as 984",
    score=rewardbench.score,
  ),
  "rewardbench2": Protocol(
    title="RewardBench 2",
    rule="not the leaderboard's, which launch.tournament has, but ours for "
    "pairs: a prompt is right if all its pairs are; mean of the subsets "
    "without Ties",
    ours=True,
    order=_ONE_ORDER_OF_OURS,
    score=rewardbench2.score,
    counted=outcomes.whole_groups,
  ),
  "pandalm": Protocol(
    title="PandaLM test",
    rule="accuracy over 0, 1, 2 with ties, of which no verdict is 0; "
    "precision, recall, F1 macro",
    order="the data's",
    score=pandalm.score,
    published=pandalm.all_pairs,
    details=pandalm.details,
  ),
  "ppe": Protocol(
    title="PPE correctness",
    rule="mean of the sets; five pairs a prompt",
    score=ppe.score,
  ),
  "rm-bench": Protocol(
    title="RM-Bench",
    rule="mean of 4 domains, each of easy, normal and hard",
    score=rm_bench.score,
    counted=rm_bench.whole_prompts,
  ),
  "rmb": Protocol(
    title="RMB",
    rule="mean of pairs and best-of-N for helpfulness and harmlessness",
    score=rmb.score,
    counted=rmb.counted,
  ),
  "judgebench": Protocol(
    title="JudgeBench",
    rule="a pair is right if its two verdicts net to more than 0",
    order=_BOTH_ORDERS,
    score=judgebench.score,
    published=judgebench.netted,
    details=judgebench.details,
  ),
  "llmbar": Protocol(
    title="LLMBar",
    rule="mean of the five sets, each of both orders; a missing verdict is 0 "
    "in its own figures",
    order=_BOTH_ORDERS,
    score=llmbar.score,
    published=outcomes.mean_points,
    details=llmbar.details,
  ),
  "humanevalpack": Protocol(
    title="HumanEvalPack",
    rule="mean of the six languages",
    score=humanevalpack.score,
  ),
  "gsm8k": Protocol(
    title="GSM8K pairs",
    rule="ours: the share of pairs",
    ours=True,
    order=_ONE_ORDER_OF_OURS,
    score=gsm8k.score,
  ),
}


def published(
  protocol: Protocol, judged: Iterable[Outcome], invalid: float
) -> Score:
  """The score by the published rule.

  Raises:
    ValueError: there is nothing to score, or a part of the benchmark is
      missing.
  """
  return protocol.score(points(protocol, judged, invalid))


def points(
  protocol: Protocol, judged: Iterable[Outcome], invalid: float
) -> list[Value]:
  """What counts by the published rule, and what it is worth.

  Of several votes each is scored alone, and then they are averaged: a group
  that one vote of three is right on counts a third.
  """
  return outcomes.mean_values(
    protocol.counted(_published(protocol, vote, invalid))
    for vote in outcomes.votes(judged)
  )


def both_orders(
  protocol: Protocol, judged: Iterable[Outcome], invalid: float
) -> Score | None:
  """The published score of each order, averaged; see `points_of_both`.

  Raises:
    ValueError: as `published`.
  """
  values = points_of_both(protocol, judged, invalid)
  return None if values is None else protocol.score(values)


def points_of_both(
  protocol: Protocol, judged: Iterable[Outcome], invalid: float
) -> list[Value] | None:
  """What counts in both orders, and what it is worth.

  What counts is the mean of its two orders, each scored alone, as each vote is:
  a group that is right in one order only counts one half. Comparisons without a
  preference are left out. None where one with a preference was shown in one
  order only, or there is none.
  """
  preferred = [one for one in judged if one.label]
  shown = {(one.uid, one.swapped) for one in preferred}
  if not shown or any((uid, not other) not in shown for uid, other in shown):
    return None
  orders = (
    [one for one in preferred if one.swapped == swapped]
    for swapped in (False, True)
  )
  return outcomes.mean_values(
    outcomes.mean_values(
      protocol.counted(outcomes.mean_points(vote, invalid))
      for vote in outcomes.votes(order)
    )
    for order in orders
  )


def _published(
  protocol: Protocol, vote: Sequence[Outcome], invalid: float
) -> list[Value]:
  """The comparisons' points by the published rule, of one vote."""
  if protocol.published is not None:
    return protocol.published(vote, invalid)
  return outcomes.mean_points(outcomes.one_order(vote), invalid)


def report(
  name: str, judged: Iterable[Outcome], invalid: float = outcomes.RRM_INVALID
) -> dict:
  """A run scored by a benchmark's protocol, ready for JSON.

  Args:
    name: Of the benchmark; what follows a slash names a part of it.
    judged: Any number of outcomes for each comparison; several in one order are
      scored one at a time and averaged, or give them to `outcomes.voted` first.
    invalid: What a missing verdict is worth in the honest score.

  Returns:
    `benchmark`, `rule`, `ours`; `order`: the rule's, and whether the run lacks
    one; `published`: a row for each way to count missing verdicts, with
    `invalid_rule` and what `Score.as_dict` gives; `both_orders`: one such
    row, or None where not all was shown twice; `details`: the benchmark's own
    further measures.

  Raises:
    ValueError: the name is of no benchmark, or as `published`.
  """
  protocol = find(name)
  judged = list(judged)
  honest = both_orders(protocol, judged, invalid)
  bent = protocol.order == _BOTH_ORDERS and honest is None
  return {
    "benchmark": protocol.title,
    "rule": protocol.rule,
    "ours": protocol.ours,
    "order": _NOT_BOTH if bent else protocol.order,
    "published": [
      {"invalid_rule": rule, **published(protocol, judged, worth).as_dict()}
      for rule, worth in INVALID_RULES.items()
    ],
    "both_orders": None if honest is None else honest.as_dict(),
    "details": protocol.details(judged),
  }


def check(name: str, comparisons: Iterable[Comparison]) -> list[str]:
  """Refuses comparisons that a benchmark's rule could not score.

  To be called before they are judged, which may take hours.

  Returns:
    The sections that the score is going to have.

  Raises:
    ValueError: the name is of no benchmark, or a part of it is missing.
  """
  right = [
    Outcome(one.uid, one.label or 0, one.label or 0, subset=one.subset)
    for one in comparisons
  ]
  return list(published(find(name), right, outcomes.RRM_INVALID).sections)


def find(name: str) -> Protocol:
  """A benchmark's protocol by its name, or by that of a part of it.

  Raises:
    ValueError: there is none of that name.
  """
  protocol = PROTOCOLS.get(name.partition("/")[0])
  if protocol is None:
    raise ValueError(
      f"{name!r} is no benchmark; the names are {', '.join(PROTOCOLS)}"
    )
  return protocol
