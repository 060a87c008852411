"""Who judges: the flags that say so, and what they open.

--model is a workdir of launch.train, or a Hugging Face folder as it is. In its
place --judge=simulated:E asks no model, but the data, and errs in a share E of
the answers: for planning, and to see what a report looks like.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from absl import flags

from rrm_jax import config
from rrm_jax import judge as judges
from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import Batch, Stream, cached
from rrm_jax.records import Candidates, Comparison, Question
from rrm_jax.tournament import simulated
from rrm_jax.train import loading

_MODEL = flags.DEFINE_string(
  "model", "", "A workdir, or a Hugging Face folder."
)
_JUDGE = flags.DEFINE_string(
  "judge", "", "simulated:E, a judge without a model that errs in a share E."
)
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)
_CACHE = flags.DEFINE_string(
  "cache", "", "Folder of judgements made before; OUTPUT/cache if empty."
)


class Items(Protocol):
  """What a judge cannot be shown is left out, named and counted."""

  def comparisons(self, found: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons that the judge can be asked about.

    Raises:
      ValueError: there is none.
    """

  def groups(self, found: Sequence[Candidates]) -> list[Candidates]:
    """The groups any two of whose candidates it can be asked about.

    Raises:
      ValueError: there is none.
    """


class Opened(NamedTuple):
  """A judge that can be asked.

  Attributes:
    model: Its name, as it was given.
    weights: Which of a workdir's, as it was given.
    fingerprint: Names all that its answers hang on beside the question.
    simulated: Whether no model judges.
    stream: Answers questions; what a model says is kept in the cache.
    fitting: What it can be asked about.
  """

  model: str
  weights: str
  fingerprint: str
  simulated: bool
  stream: Stream
  fitting: Items


def check() -> None:
  """Refuses flags that name no judge, before any data is read.

  Raises:
    ValueError: it does.
  """
  if bool(_MODEL.value) == bool(_JUDGE.value):
    raise ValueError("give one of --model and --judge")
  if _JUDGE.value:
    _error(_JUDGE.value)


@contextlib.contextmanager
def opened(cfg: config.Judge, output: Path) -> Iterator[Opened]:
  """The judge that the flags name.

  Args:
    cfg: How it is asked and drawn from.
    output: Where the run writes; its cache is there, if no other is named.

  Raises:
    ValueError: the flags name no judge, or the model cannot be loaded.
  """
  check()
  if _JUDGE.value:
    yield _simulated(_JUDGE.value, cfg.seed)
    return
  judge = judges.load(_MODEL.value, cfg, _WEIGHTS.value)
  with Cache(Path(_CACHE.value or output / "cache")) as cache:
    logging.info(cache.told(judge.identity))
    stream = cached(judge.stream, cache, judge.identity)
    yield Opened(
      model=_MODEL.value,
      weights=_WEIGHTS.value,
      fingerprint=rows.digest(judge.identity),
      simulated=False,
      stream=judges.watched(stream, "judging"),
      fitting=_Short(judge, cfg.max_prompt_tokens),
    )


class _Short(NamedTuple):
  """What makes no prompt of more than `limit` tokens."""

  judge: judges.Judge
  limit: int

  def comparisons(self, found: Sequence[Comparison]) -> list[Comparison]:
    judge = self.judge
    return loading.fitting(found, judge.tokenizer, judge.template, self.limit)

  def groups(self, found: Sequence[Candidates]) -> list[Candidates]:
    judge = self.judge
    return loading.fitting_groups(
      found, judge.tokenizer, judge.template, self.limit
    )


def _simulated(spec: str, seed: int) -> Opened:
  judging = simulated.flat(_error(spec), seed)

  def stream(questions: Sequence[Question]) -> Iterator[Batch]:
    yield Batch(dict(enumerate(judging(questions))), {})

  return Opened(
    model=spec,
    weights="",
    fingerprint=rows.digest({"judge": spec, "seed": seed}),
    simulated=True,
    stream=stream,
    fitting=_Known(spec),
  )


def _error(spec: str) -> float:
  """The share of errors of a simulated judge."""
  kind, _, share = spec.partition(":")
  try:
    error = float(share)
  except ValueError:
    error = -1.0
  if kind != "simulated" or not 0 <= error <= 1:
    raise ValueError(
      f"--judge={spec} must be simulated:E with a share E of errors in [0, 1]"
    )
  return error


class _Known(NamedTuple):
  """What a simulated judge can go by; the name is for its errors."""

  spec: str

  def comparisons(self, found: Sequence[Comparison]) -> list[Comparison]:
    # It tosses a coin for ties, which have no label in some benchmarks.
    if all(one.label is None for one in found):
      self._refuse("labels", found[0])
    return list(found)

  def groups(self, found: Sequence[Candidates]) -> list[Candidates]:
    for group in found:
      if group.correct is None:
        self._refuse("`correct`", group)
    return list(found)

  def _refuse(self, what: str, one: Comparison | Candidates) -> None:
    raise ValueError(
      f"--judge={self.spec} goes by {what}, which {one.uid!r} ({one.source}) "
      "lacks; add it, or take a --model"
    )
