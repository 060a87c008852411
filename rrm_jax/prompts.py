"""From comparisons to what the engine is asked for.

The joint between text and sampling: prompts, what is forced when a thinking
budget ends, and what ends a completion.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from rrm_jax import config
from rrm_jax.records import Comparison
from rrm_jax.sampling import budget, engine
from rrm_jax.text import templates
from rrm_jax.text.tokenizer import Tokenizer

# The closing tag of a tokenizer without one: no token is it.
_NO_TAG = -1


@dataclasses.dataclass(frozen=True)
class Prompt:
  """One prompt: a comparison, in the order in which it is shown."""

  comparison: Comparison
  swapped: bool
  tokens: Sequence[int]

  @property
  def prompt_id(self) -> int:
    """32 bits that name the prompt in every run and process."""
    name = f"{self.comparison.uid}/{self.swapped:d}"
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big")


def prompt(
  comparison: Comparison,
  swapped: bool,
  tokenizer: Tokenizer,
  template: config.Template,
) -> Prompt:
  """A comparison as the model will read it."""
  tokens = templates.prompt(tokenizer, template, comparison, swapped)
  return Prompt(comparison, swapped, tokens)


def script(tokenizer: Tokenizer, template: config.Template) -> budget.Script:
  """What is forced when the thinking budget ends, as ids on the host.

  Raises:
    ValueError: the two verdicts differ in more than one token.
  """
  closing = templates.closing(template)
  first, second = (
    tokenizer.encode(closing.text + choice + closing.ending)
    for choice in closing.choices
  )
  pairs = enumerate(zip(first, second, strict=False))
  places = [i for i, (one, other) in pairs if one != other]
  if len(first) != len(second) or len(places) != 1:
    raise ValueError(
      f"with their closing text, the verdicts {closing.choices} are the tokens "
      f"{first} and {second}; they must differ in exactly one"
    )
  (place,) = places
  tokens = [*first, tokenizer.stop_ids[0]]
  tokens[place] = budget.CHOICE
  tag = tokenizer.closing_tag
  return budget.Script(
    tokens=np.array(tokens, np.int32),
    choices=np.array([first[place], second[place]], np.int32),
    closing_tag=np.array(_NO_TAG if tag is None else tag, np.int32),
    stop=np.array(tokenizer.stop_ids, np.int32),
  )


def thinking_limit(sampling: config.Sampling, forced: budget.Script) -> int:
  """The thinking budget as the engine takes it.

  Raises:
    ValueError: what is forced at its end would not fit into the completion, or
      the tokenizer has no token by which a thought's end is told.
  """
  limit = sampling.thinking_budget
  if limit < 0:
    return budget.UNLIMITED
  if forced.closing_tag == _NO_TAG:
    raise ValueError(
      f"thinking_budget={limit} needs a tokenizer with a token </think>, by "
      "which it is told that a thought has ended; this one has none. Set it "
      "to -1, or take a tokenizer that has the token"
    )
  needed = limit + len(forced.tokens)
  if needed > sampling.max_new_tokens:
    raise ValueError(
      f"thinking_budget={limit} and the {len(forced.tokens)} tokens forced "
      f"after it do not fit into max_new_tokens={sampling.max_new_tokens}; "
      f"raise it to {needed}"
    )
  return limit


def wanted(
  asked: Sequence[tuple[Prompt, int]],
  sampling: config.Sampling,
  forced: budget.Script,
) -> list[engine.Request]:
  """What the engine is asked for: prompts, each with a sample's number.

  Raises:
    ValueError: see `thinking_limit`.
  """
  limit = thinking_limit(sampling, forced)
  answer = sampling.answer_budget
  return [
    engine.Request(
      tokens=item.tokens,
      prompt_id=item.prompt_id,
      sample_id=sample_id,
      max_new_tokens=sampling.max_new_tokens,
      thinking_budget=limit,
      answer_budget=budget.UNLIMITED if answer < 0 else answer,
    )
    for item, sample_id in asked
  ]


def numbered(
  prompts: Sequence[Prompt], samples: int
) -> list[tuple[Prompt, int]]:
  """Each prompt with the numbers of its samples, adjacent."""
  return [(item, i) for item in prompts for i in range(samples)]


def stop_at(tokenizer: Tokenizer, texts: Sequence[str]) -> engine.Halt | None:
  """Ends a completion with the token that completes one of the texts."""
  if not texts:
    return None
  longest = max(len(text.encode()) for text in texts)

  def found(tokens: np.ndarray) -> bool:
    said = tokenizer.decode(tokens.tolist())
    return any(text in said for text in texts)

  def halt(tokens: np.ndarray, new: int) -> int | None:
    # A text that a new token completes began no earlier than its bytes.
    first = max(0, len(tokens) - new - longest)
    if not found(tokens[first:]):
      return None
    ends = range(len(tokens) - new + 1, len(tokens) + 1)
    return next(end for end in ends if found(tokens[first:end]))

  return halt
