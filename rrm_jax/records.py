"""The host's types: what a judge reads, and what it says.

Text and plain values only; nothing here knows of arrays or imports jax.
"""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
  """One turn of a conversation."""

  role: Role
  content: str


@dataclasses.dataclass(frozen=True)
class Comparison:
  """A query with two responses, and which of them is better if known.

  Attributes:
    uid: Names the comparison for ever: sampling seeds, presentation order and
      caches derive from it, so it must be unique within a data set.
    conversation: One or more turns; the last is the user's query.
    responses: The two answers to it, in the data's own order.
    label: 1 or 2, the better of `responses`; None where nobody has said.
    subset: What the comparison counts towards in a report, "" for none.
    source: Where it came from (file and line, or the task that made it).
  """

  uid: str
  conversation: tuple[Message, ...]
  responses: tuple[str, str]
  label: int | None = None
  subset: str = ""
  source: str = ""

  @property
  def query(self) -> str:
    """The last user turn."""
    return self.conversation[-1].content


@dataclasses.dataclass(frozen=True)
class Candidates:
  """A query with any number of responses, to find the best of or to rank.

  Attributes:
    uid: Names it for ever, as a comparison's does.
    conversation: One or more turns; the last is the user's query.
    responses: The candidates, in the data's own order.
    correct: Whether each is right; None where nobody has said.
    subset: What it counts towards in a report, "" for none.
    source: Where it came from.
  """

  uid: str
  conversation: tuple[Message, ...]
  responses: tuple[str, ...]
  correct: tuple[bool, ...] | None = None
  subset: str = ""
  source: str = ""


class Question(NamedTuple):
  """One judgement that is asked of a judge.

  Attributes:
    comparison: What to compare.
    sample_id: Which of its votes this is, from 0.
    swapped: Whether the second response is shown first.
  """

  comparison: Comparison
  sample_id: int = 0
  swapped: bool = False


class Invalid(enum.StrEnum):
  """Why there is no verdict; the last where someone else says so."""

  NO_CLOSING_TAG = "no closing tag"
  NO_BOX = "no box"
  WRONG_CONTENT = "wrong content"
  TRUNCATED = "truncated"
  NO_WINNER = "no winner"


class Verdict(NamedTuple):
  """Which assistant won, or why that cannot be said.

  Attributes:
    winner: 1 or 2; None when the text is invalid.
    invalid: The reason, exactly when `winner` is None.
  """

  winner: int | None
  invalid: Invalid | None = None

  def unswapped(self, swapped: bool) -> "Verdict":
    """The verdict in the data's order, if it was given in the other one."""
    if self.winner is None or not swapped:
      return self
    return Verdict(3 - self.winner)


class Finish(enum.StrEnum):
  """How a completion ended."""

  STOPPED = "stopped"  # wrote a stop token by itself
  BUDGET = "budget"  # its thinking was cut and the closing text forced
  LENGTH = "length"  # ran out of room


@dataclasses.dataclass(frozen=True)
class Judgement:
  """One sampled answer of a judge to one comparison.

  Attributes:
    uid: The comparison's.
    sample_id: Which of the judge's votes this is, from 0.
    swapped: Whether the judge saw the responses in reverse order.
    verdict: In the data's order: a swap is already undone.
    text: What the judge wrote, decoded, thinking included.
    prompt_tokens: Length of what it read.
    thinking_tokens: Tokens of its own before the closing tag; all, if there
      is none.
    completion_tokens: Tokens it wrote, thinking included.
    finish: How it ended.
  """

  uid: str
  sample_id: int
  swapped: bool
  verdict: Verdict
  text: str
  prompt_tokens: int
  thinking_tokens: int
  completion_tokens: int
  finish: Finish


# Whoever answers questions, in their order: a model, a file, a person, a coin.
Judging = Callable[[Sequence[Question]], Sequence[Judgement]]


class Game(NamedTuple):
  """One judgement within a match, read by the tournament's rules.

  Attributes:
    sample_id: The question's.
    swapped: The question's: whether the later candidate was shown first.
    winner: The winning candidate's place; None where nobody won.
    valid: Whether the judge gave a verdict; a rule may name a winner without.
  """

  sample_id: int
  swapped: bool
  winner: int | None
  valid: bool = True


@dataclasses.dataclass(frozen=True)
class Match:
  """Two candidates of one prompt that met, and who won.

  Its judgements are those of the comparison `comparison_uid` with the sample
  ids and orders of its games.

  Attributes:
    uid: The prompt's.
    round: When it was played, from 1.
    pair: The two places among the prompt's candidates, as the schedule paired
      them; the better seed, or the upper one of a bracket, first.
    games: What was judged, at least once.
    winner: The place that won more games; None if neither did.
    advanced: The place that goes on, in a knockout; None elsewhere. It differs
      from `winner` only where that is None.
  """

  uid: str
  round: int
  pair: tuple[int, int]
  games: tuple[Game, ...]
  winner: int | None
  advanced: int | None = None

  @property
  def comparison_uid(self) -> str:
    """The name of what was judged: the pair in the data's order."""
    return f"{self.uid}/{min(self.pair)}-{max(self.pair)}"
