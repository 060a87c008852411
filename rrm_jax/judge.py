"""The judge: comparisons in, judgements out.

Training reads its own samples with `read`; everyone else calls a `Judge`.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from rrm_jax import config
from rrm_jax.batches import Params
from rrm_jax.ops import filters
from rrm_jax.prompts import Prompt, numbered, prompt, script, stop_at, wanted
from rrm_jax.records import Comparison, Finish, Judgement
from rrm_jax.sampling import engine
from rrm_jax.sampling.completions import Completion, Round
from rrm_jax.sharding import Layout, key
from rrm_jax.text import templates, verdict
from rrm_jax.text.tokenizer import Tokenizer

Order = Literal["given", "hashed", "both"]

_LIMITS = config.Engine()


def read(
  asked: Sequence[tuple[Prompt, int]],
  completions: Sequence[Completion],
  tokenizer: Tokenizer,
  template: config.Template,
) -> list[Judgement]:
  """Judgements from completions of (request, sample number)."""
  texts = tokenizer.decode_batch([c.tokens.tolist() for c in completions])
  return [
    _judgement(item, sample_id, text, completion, tokenizer, template)
    for (item, sample_id), text, completion in zip(
      asked, texts, completions, strict=True
    )
  ]


def _judgement(
  item: Prompt,
  sample_id: int,
  text: str,
  completion: Completion,
  tokenizer: Tokenizer,
  template: config.Template,
) -> Judgement:
  stopped = completion.stopped
  said = verdict.parse(text, thinking=template.thinking, stopped=stopped)
  end = tokenizer.thought_length(completion.tokens.tolist())
  thought = end - int(completion.forced[:end].sum())
  finish = Finish.STOPPED if stopped else Finish.LENGTH
  return Judgement(
    uid=item.comparison.uid,
    sample_id=sample_id,
    swapped=item.swapped,
    verdict=said.unswapped(item.swapped),
    text=text,
    prompt_tokens=len(item.tokens),
    thinking_tokens=thought if template.thinking else 0,
    completion_tokens=len(completion.tokens),
    finish=Finish.BUDGET if completion.forced.any() else finish,
  )


@dataclasses.dataclass(frozen=True)
class Judge:
  """A model with its template, ready to judge.

  Attributes:
    params: Of the model `cfg`, as `engine.prepared` makes them.
    cfg: The model's shape.
    tokenizer: Its tokenizer.
    template: How comparisons are put to it.
    sampling: Filters, room and budgets.
    layout: How arrays are cut over devices.
    seed: With a prompt and a sample's number, it fixes what is sampled.
    limits: How many completions are sampled at once.
  """

  params: Params
  cfg: config.Model
  tokenizer: Tokenizer
  template: config.Template
  sampling: config.Sampling
  layout: Layout
  seed: int = 0
  limits: config.Engine = _LIMITS

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
    asked = numbered(self.prompts(comparisons, order), samples)
    done: dict[int, Completion] = {}
    for one in self.rounds(asked):
      done |= one.finished
    completions = [done[number] for number in range(len(asked))]
    return read(asked, completions, self.tokenizer, self.template)

  def prompts(
    self, comparisons: Sequence[Comparison], order: Order
  ) -> list[Prompt]:
    """The prompts of comparisons, one or two of each."""
    return [
      prompt(comparison, swapped, self.tokenizer, self.template)
      for comparison in comparisons
      for swapped in _orders(comparison, order, self.seed)
    ]

  def batches(
    self, asked: Sequence[tuple[Prompt, int]]
  ) -> Iterator[tuple[list[Judgement], Round]]:
    """Judgements as they are made, with the round that made them.

    Args:
      asked: Prompts, each with the number of the sample that is wanted.
    """
    for one in self.rounds(asked):
      numbers = sorted(one.finished)
      made = read(
        [asked[number] for number in numbers],
        [one.finished[number] for number in numbers],
        self.tokenizer,
        self.template,
      )
      yield made, one

  def rounds(self, asked: Sequence[tuple[Prompt, int]]) -> Iterator[Round]:
    """What the engine writes, round by round; see `engine.Engine.rounds`."""
    forced = script(self.tokenizer, self.template)
    sampler = engine.Engine(
      params=self.params,
      cfg=self.cfg,
      kept=filters.of(self.sampling),
      script=forced,
      layout=self.layout,
      limits=self.limits,
      halt=stop_at(self.tokenizer, self.sampling.stop),
    )
    return sampler.rounds(
      wanted(asked, self.sampling, forced),
      key(self.seed, self.layout),
    )


def _orders(comparison: Comparison, order: Order, seed: int) -> list[bool]:
  if order == "both":
    return [False, True]
  if order == "hashed":
    return [templates.shown_swapped(comparison.uid, seed)]
  return [False]
