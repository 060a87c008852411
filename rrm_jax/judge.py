"""The judge: questions in, judgements out.

  from rrm_jax import config, judge
  sampling = config.Sampling(temperature=0.6, max_new_tokens=64)
  rrm = judge.load("runs/mini", config.Judge(sampling=sampling))
  said = rrm.compare("+3 -9 *7 .", "8", "3", votes=5)
  print(said.winner, said.votes, said.judgements[0].text)

Many are judged together:

  pairs = readers.read_jsonl("pairs.jsonl")  # of rrm_jax.data
  for pair, said in zip(pairs, rrm.decide(pairs, votes=5)):
    print(pair.uid, said.winner)

Training reads its own samples with `read`; everyone else calls a `Judge`.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rrm_jax import config, manifest, sharding, voting, weights
from rrm_jax.batches import Params
from rrm_jax.data import readers
from rrm_jax.judgements.streams import Batch, Stream, gathered
from rrm_jax.metrics import Progress
from rrm_jax.ops import filters
from rrm_jax.prompts import Prompt, prompt, script, stop_at, wanted
from rrm_jax.records import (
  Comparison,
  Finish,
  Judgement,
  Message,
  Question,
)
from rrm_jax.sampling import engine, layouts
from rrm_jax.sampling.completions import Completion, Round, Throughput
from rrm_jax.sharding import Layout, key
from rrm_jax.text import templates, verdict
from rrm_jax.text.tokenizer import Tokenizer

_LIMITS = config.Engine()
_JUDGE = config.Judge()


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
  tagged = template.thinking and template.tagged
  said = verdict.parse(text, thinking=tagged, stopped=stopped)
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

  def __call__(self, questions: Sequence[Question]) -> list[Judgement]:
    """Answers questions, any number of them; see `voting.questions`.

    Raises:
      ValueError: a comparison cannot be put to this judge.
    """
    return gathered(self.stream)(questions)

  def compare(
    self,
    query: str | Sequence[Message | Mapping[str, str]],
    first: str,
    second: str,
    votes: int = 1,
    order: config.Order = "random",
    invalid: config.InvalidRule = "missing",
  ) -> voting.Decision:
    """Which of two responses is better, by the majority of votes.

    The same texts get the same answer: samples are drawn by a hash of them.

    Args:
      query: What was asked, or turns {"role", "content"} that end with it.
      first: A response.
      second: The other.
      votes: How many; with `order="both"`, in each order.
      order: How the responses are shown: "given", the first one first; "both"
        orders for each vote; "random", one of them by a stable hash; see
        `voting.questions`.
      invalid: What a vote without verdict counts: nothing ("missing"), half
        for each response ("draw"), or one for either by a stable "coin".

    Raises:
      ValueError: an argument makes no sense, or see `__call__`.
    """
    comparison = readers.comparison_of(query, first, second)
    asked = voting.questions([comparison], votes, order, self.seed)
    return voting.decision(self(asked), invalid)

  def decide(
    self,
    comparisons: Sequence[Comparison],
    votes: int = 1,
    order: config.Order = "random",
    invalid: config.InvalidRule = "missing",
  ) -> list[voting.Decision]:
    """The better response of each of many; shows how far it is.

    Args:
      comparisons: As `data.readers` or `data.public_sets` read them, each with
        a uid of its own, by which samples are drawn.
      votes, order, invalid: As of `compare`.

    Returns:
      One decision for each, in their order.

    Raises:
      ValueError: an argument makes no sense, or see `__call__`.
    """
    asked = voting.questions(comparisons, votes, order, self.seed)
    said = gathered(watched(self.stream, "judging"))(asked)
    each = len(asked) // max(1, len(comparisons))
    return [
      voting.decision(said[first : first + each], invalid)
      for first in range(0, len(said), max(1, each))
    ]

  @functools.cached_property
  def identity(self) -> dict[str, Any]:
    """All that its judgements hang on beside the question.

    Weights are those that sample, in their dtype and form: TPUs hold layers
    stacked, CPUs features first, so each has another name for them. What makes
    no difference to what is drawn is not in it: mesh, slots, refills.
    """
    closing = templates.closing(self.template)
    model = config.to_mapping(self.cfg)
    del model["remat"]
    return {
      "weights": manifest.digest(self.params),
      "model": model,
      "tokenizer": self.tokenizer.fingerprint,
      "template": {
        "thinking": self.template.thinking,
        "tagged": self.template.tagged,
        "wording": dataclasses.asdict(templates.wording(self.template)),
        "closing": config.to_mapping(closing),
      },
      "sampling": config.to_mapping(self.sampling),
      "kv_cache": self.limits.kv_cache,
      "seed": self.seed,
    }

  def stream(self, questions: Sequence[Question]) -> Iterator[Batch]:
    """Answers as they are made, with how fast that was."""
    speed = Throughput()
    for made, one in self.batches(questions):
      yield Batch(made, speed(one))

  def batches(
    self, questions: Sequence[Question]
  ) -> Iterator[tuple[dict[int, Judgement], Round]]:
    """Judgements by the number of their question, with their round."""
    asked = self.asked(questions)
    for one in self.rounds(asked):
      numbers = sorted(one.finished)
      made = read(
        [asked[number] for number in numbers],
        [one.finished[number] for number in numbers],
        self.tokenizer,
        self.template,
      )
      yield dict(zip(numbers, made, strict=True)), one

  def asked(self, questions: Sequence[Question]) -> list[tuple[Prompt, int]]:
    """The prompts of questions, each with its sample's number."""
    shown = {(q.comparison, q.swapped): None for q in questions}
    prompts = {
      (comparison, swapped): prompt(
        comparison, swapped, self.tokenizer, self.template
      )
      for comparison, swapped in shown
    }
    return [(prompts[q.comparison, q.swapped], q.sample_id) for q in questions]

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


def load(
  folder: str | Path, cfg: config.Judge = _JUDGE, role: str = ""
) -> Judge:
  """A trained model as a judge.

  Args:
    folder: A workdir of ours, or a Hugging Face folder as it is.
    cfg: How it is asked and drawn from.
    role: Which of a workdir's weights, "stage" or "stage@step"; "" for those
      that it stands for.

  Raises:
    ValueError: the folder holds no model, or no such weights.
  """
  layout = sharding.layout(cfg.mesh)
  model = weights.model(Path(folder), layout, role, cfg.compute_dtype)
  layout = layouts.decode_layout(layout, cfg.engine.weights, model.cfg)
  return Judge(
    engine.prepared(model.params, cfg=model.cfg, layout=layout),
    model.cfg,
    model.tokenizer,
    cfg.template.of(model.template),
    cfg.sampling,
    layout,
    seed=cfg.seed,
    limits=cfg.engine,
  )


def watched(stream: Stream, name: str) -> Stream:
  """A stream that shows how far it is, and how many verdicts are valid."""

  def ask(questions: Sequence[Question]) -> Iterator[Batch]:
    made = valid = 0
    with Progress(name, len(questions)) as progress:
      for batch in stream(questions):
        said = [judgement.verdict.winner for judgement in batch.made.values()]
        made += len(said)
        valid += len(said) - said.count(None)
        progress.update(made, {"valid": valid / max(1, made), **batch.figures})
        yield batch

  return ask
