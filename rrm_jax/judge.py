"""Comparisons to prompts, prompts to rollouts, rollouts to judgements.

The joint between text and arrays. Training uses its two halves, `encode` and
`read`, around its own sampling; everyone else calls a `Judge`.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from rrm_jax import config
from rrm_jax.batches import Params, Prompts, Rollout
from rrm_jax.records import Comparison, Finish, Judgement
from rrm_jax.sampling import budget
from rrm_jax.sampling.generate import generate
from rrm_jax.sharding import Layout, fetch, key, put
from rrm_jax.text import templates, verdict
from rrm_jax.text.tokenizer import Tokenizer

Order = Literal["given", "hashed", "both"]

# The closing tag of a tokenizer without one: no token is it.
_NO_TAG = -1


@dataclasses.dataclass(frozen=True)
class Request:
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


def request(
  comparison: Comparison,
  swapped: bool,
  tokenizer: Tokenizer,
  template: config.Template,
) -> Request:
  """A comparison as the model will read it."""
  tokens = templates.prompt(tokenizer, template, comparison, swapped)
  return Request(comparison, swapped, tokens)


def bucket(length: int) -> int:
  """The column count for prompts of this length: few shapes, little waste.

  Rounds up to a quarter of the next smaller power of two, so at most a fifth
  of the columns is padding, and all lengths to 8,192 make 48 shapes.
  """
  grain = max(1, 2 ** (max(length - 1, 1).bit_length() - 3))
  return -(-length // grain) * grain


def encode(requests: Sequence[Request], rows: int, columns: int) -> Prompts:
  """Prompts as host arrays, filled up to `rows` with rows that do nothing."""
  assert len(requests) <= rows, (len(requests), rows)
  tokens = np.zeros((rows, columns), np.int32)
  length = np.ones(rows, np.int32)
  prompt_id = np.zeros(rows, np.uint32)
  for i, item in enumerate(requests):
    tokens[i, : len(item.tokens)] = item.tokens
    length[i] = len(item.tokens)
    prompt_id[i] = item.prompt_id
  return Prompts(tokens, length, prompt_id, np.arange(rows) < len(requests))


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


def thinking_limit(
  sampling: config.Sampling, forced: budget.Script
) -> np.ndarray:
  """The thinking budget as the sampler takes it, a host scalar.

  Raises:
    ValueError: what is forced at its end would not fit into the completion, or
      the tokenizer has no token by which a thought's end is told.
  """
  limit = sampling.thinking_budget
  if limit < 0:
    return np.array(budget.UNLIMITED, np.int32)
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
  return np.array(limit, np.int32)


def read(
  requests: Sequence[Request],
  rollout: Rollout,
  samples: int,
  tokenizer: Tokenizer,
  template: config.Template,
) -> list[Judgement]:
  """Judgements from a fetched rollout: sample by sample of each request."""
  num = len(requests) * samples
  completions = [
    rollout.tokens[i, rollout.prompt_length[i] : rollout.length[i]].tolist()
    for i in range(num)
  ]
  texts = tokenizer.decode_batch(completions)
  return [
    _judgement(
      requests[i // samples],
      i % samples,
      texts[i],
      completions[i],
      bool(rollout.stopped[i]),
      rollout.forced[i, rollout.prompt_length[i] :],
      tokenizer,
      template,
    )
    for i in range(num)
  ]


def _judgement(
  item: Request,
  sample_id: int,
  text: str,
  completion: list[int],
  stopped: bool,
  forced: np.ndarray,
  tokenizer: Tokenizer,
  template: config.Template,
) -> Judgement:
  said = verdict.parse(text, thinking=template.thinking, stopped=stopped)
  end = tokenizer.thought_length(completion)
  thought = end - int(forced[:end].sum())
  finish = Finish.STOPPED if stopped else Finish.LENGTH
  return Judgement(
    uid=item.comparison.uid,
    sample_id=sample_id,
    swapped=item.swapped,
    verdict=said.unswapped(item.swapped),
    text=text,
    prompt_tokens=len(item.tokens),
    thinking_tokens=thought if template.thinking else 0,
    completion_tokens=len(completion),
    finish=Finish.BUDGET if forced.any() else finish,
  )


@dataclasses.dataclass(frozen=True)
class Judge:
  """A model with its template, ready to judge.

  Attributes:
    params: Of the model `cfg`.
    cfg: The model's shape.
    tokenizer: Its tokenizer.
    template: How comparisons are put to it.
    sampling: Filters, room and thinking budget.
    layout: How arrays are cut over devices.
    seed: With a prompt and a sample's number, it fixes what is sampled.
    batch_rows: Completions that are sampled at once.
  """

  params: Params
  cfg: config.Model
  tokenizer: Tokenizer
  template: config.Template
  sampling: config.Sampling
  layout: Layout
  seed: int = 0
  batch_rows: int = 256

  def __call__(
    self,
    comparisons: Sequence[Comparison],
    samples: int = 1,
    order: Order = "given",
  ) -> list[Judgement]:
    """Judges each comparison `samples` times in each order asked for.

    Args:
      comparisons: What to judge.
      samples: Votes; their numbers are 0 to samples - 1.
      order: The data's, one by a stable hash of the uid, or both.
    """
    requests = self.requests(comparisons, order)
    return list(itertools.chain.from_iterable(self.batches(requests, samples)))

  def requests(
    self, comparisons: Sequence[Comparison], order: Order
  ) -> list[Request]:
    """The prompts of comparisons, one or two of each."""
    return [
      request(comparison, swapped, self.tokenizer, self.template)
      for comparison in comparisons
      for swapped in _orders(comparison, order, self.seed)
    ]

  def batches(
    self, requests: Sequence[Request], samples: int
  ) -> Iterator[list[Judgement]]:
    """Judgements as they are made, a batch at a time, short prompts first."""
    for chunk in self._chunks(requests, samples):
      yield self._sample(chunk, samples)

  def _chunks(
    self, requests: Sequence[Request], samples: int
  ) -> Iterator[Sequence[Request]]:
    """Requests in batches of like length, the shortest first."""
    size = max(1, self.batch_rows // samples)
    by_columns: dict[int, list[Request]] = {}
    for item in requests:
      by_columns.setdefault(bucket(len(item.tokens)), []).append(item)
    for columns in sorted(by_columns):
      group = by_columns[columns]
      for start in range(0, len(group), size):
        yield group[start : start + size]

  def _sample(
    self, requests: Sequence[Request], samples: int
  ) -> list[Judgement]:
    # A small request takes a smaller program: one for each power of two.
    most = max(1, self.batch_rows // samples)
    rows = min(most, 2 ** (len(requests) - 1).bit_length())
    rows = -(-rows // self.layout.batch_parts) * self.layout.batch_parts
    columns = bucket(max(len(item.tokens) for item in requests))
    forced = script(self.tokenizer, self.template)
    whole = self.layout.replicated
    rollout = fetch(
      generate(
        self.params,
        put(encode(requests, rows, columns), self.layout.named("batch")),
        put(forced, whole),
        key(self.seed, self.layout),
        put(thinking_limit(self.sampling, forced), whole),
        cfg=self.cfg,
        # The budget is an argument, so it makes no other program.
        sampling=dataclasses.replace(self.sampling, thinking_budget=-1),
        samples=samples,
        layout=self.layout,
      )
    )
    return read(requests, rollout, samples, self.tokenizer, self.template)


def _orders(comparison: Comparison, order: Order, seed: int) -> list[bool]:
  if order == "both":
    return [False, True]
  if order == "hashed":
    return [templates.shown_swapped(comparison.uid, seed)]
  return [False]
