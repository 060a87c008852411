"""A tournament: who meets whom, and what the outcomes are worth."""

import dataclasses
from typing import Literal

from rrm_jax.config.judge import Judge
from rrm_jax.mapping import at_least

Strategy = Literal["knockout", "round_robin", "random", "swiss", "active"]
Bracket = Literal["random", "seeded", "given"]
# What a judgement without a verdict is worth.
InvalidRule = Literal["missing", "draw", "coin"]


@dataclasses.dataclass(frozen=True)
class Schedule:
  """Which candidates of a prompt meet, and how a match is decided.

  With N candidates and g games a match, the judgements of one prompt are:
  knockout g (N - 1), round_robin g N (N - 1) / 2, random about
  g N `opponents` / 2, swiss g `rounds` N / 2, active its `budget`.

  Attributes:
    strategy: Who meets whom.
    games: Judgements of a match, in both orders in turn; the majority wins.
    invalid: A judgement without a verdict is missing, half a win for each, or
      decided by a coin, as in the RRM paper's released code.
    tie: Who goes on in a knockout if neither won more games: one by a stable
      coin, or the one that stands earlier in the bracket.
    bracket: A knockout's. "random": drawn for each prompt by a stable hash.
      "seeded": by the data's order, best first, so that the first two can meet
      in the final only. "given": `leaves`, the same for every prompt.
    leaves: The given bracket's candidates from top to bottom; neighbours meet.
    opponents: How many others each candidate meets under "random".
    rounds: Of swiss; 0 for the base-2 logarithm of N, rounded up.
    budget: Judgements of a prompt at most; 0 for what the strategy takes, and
      for 2 (N - 1) with active.
    parallel: Matches of a prompt that active plans from the same knowledge;
      more of them make fewer, larger rounds, and a worse use of the budget.
    seed: Of brackets, pairings, orders and coins.
  """

  strategy: Strategy = "knockout"
  games: int = 1
  invalid: InvalidRule = "missing"
  tie: Literal["coin", "earlier"] = "coin"
  bracket: Bracket = "random"
  leaves: tuple[int, ...] = ()
  opponents: int = 4
  rounds: int = 0
  budget: int = 0
  parallel: int = 1
  seed: int = 0

  def __post_init__(self) -> None:
    at_least(1, self, "games", "opponents", "parallel")
    for name in ("rounds", "budget"):
      if vars(self)[name] < 0:
        raise ValueError(f"{name}={vars(self)[name]} is negative; 0 is auto")
    if (self.bracket == "given") != bool(self.leaves):
      raise ValueError(
        f"bracket={self.bracket!r} and leaves={self.leaves}: give leaves with "
        "the bracket 'given', and with no other"
      )
    if sorted(self.leaves) != list(range(len(self.leaves))):
      raise ValueError(
        f"leaves={self.leaves} must hold each of 0 to {len(self.leaves) - 1} "
        "once"
      )


@dataclasses.dataclass(frozen=True)
class Rating:
  """How outcomes become numbers.

  Attributes:
    method: What names the best where no champion does. Bradley-Terry and the
      win rate do not depend on the order of play; Elo is the RRM paper's.
    prior: Of Bradley-Terry, in games: each candidate is given so many wins and
      as many losses against an average one, which keeps ratings finite.
    elo_k: The largest gain of one game; 4 in the RRM paper.
    seed: Of Elo's shuffle, and of the choice among equals.
  """

  method: Literal["bradley_terry", "elo", "win_rate"] = "bradley_terry"
  prior: float = 0.1
  elo_k: float = 4.0
  seed: int = 0

  def __post_init__(self) -> None:
    if self.prior <= 0 or self.elo_k <= 0:
      raise ValueError(
        f"prior={self.prior} and elo_k={self.elo_k} must be positive"
      )


@dataclasses.dataclass(frozen=True)
class Tournament(Judge):
  """How `launch.tournament` finds the best of each prompt's candidates.

  A prompt with a pair that is longer than `max_prompt_tokens` is left out.

  Attributes:
    schedule: Who meets whom, and the rules of a match.
    rating: What the outcomes are worth.
    resamples: Of the bootstrap over prompts, behind every interval.
  """

  schedule: Schedule = Schedule()
  rating: Rating = Rating()
  resamples: int = 2_000

  def __post_init__(self) -> None:
    at_least(1, self, "resamples")
