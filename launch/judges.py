"""Who judges: the flags that say so, and what they open.

--model is a workdir of launch.train, or a Hugging Face folder as it is. In its
place --judge may be

  http://HOST:8000/v1#NAME  the model NAME behind an OpenAI-compatible endpoint,
                            asked as ours are; a key is in OPENAI_API_KEY
  verdicts:FILE.jsonl       someone else's verdicts, or the scores of a scalar
                            reward model; see `baselines.verdict_file`
  simulated:E               no model, but the data, erring in a share E of the
                            answers: for planning
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from absl import flags

from rrm_jax import config
from rrm_jax import judge as judges
from rrm_jax.baselines import verdict_file
from rrm_jax.baselines.endpoint import Endpoint
from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import Batch, Stream, cached
from rrm_jax.records import Candidates, Comparison, Judging, Question
from rrm_jax.tournament import simulated
from rrm_jax.train import loading

_MODEL = flags.DEFINE_string(
  "model", "", "A workdir, or a Hugging Face folder."
)
_JUDGE = flags.DEFINE_string(
  "judge", "", "http://HOST/v1#NAME, verdicts:FILE.jsonl or simulated:E."
)
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)
_CACHE = flags.DEFINE_string(
  "cache", "", "Folder of judgements made before; OUTPUT/cache if empty."
)

_HTTP = ("http", "https")


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
  if not _JUDGE.value:
    return
  kind, _, rest = _JUDGE.value.partition(":")
  if kind == "simulated":
    _error(_JUDGE.value)
  elif kind in _HTTP and not rest.partition("#")[2]:
    raise ValueError(
      f"--judge={_JUDGE.value} does not say which model; add #NAME, as the "
      "server calls it"
    )
  elif kind not in (*_HTTP, "verdicts"):
    raise ValueError(
      f"--judge={_JUDGE.value} must be http://HOST/v1#NAME, "
      "verdicts:FILE.jsonl or simulated:E"
    )


def names() -> dict[str, str]:
  """What the flags call the judge, as reports have it."""
  return {"model": _MODEL.value or _JUDGE.value, "weights": _WEIGHTS.value}


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
  spec = _JUDGE.value
  kind, _, rest = spec.partition(":")
  if kind == "simulated":
    yield _told(spec, simulated.flat(_error(spec), cfg.seed), cfg, _Known(spec))
    return
  if kind == "verdicts":
    yield _told(spec, verdict_file.judge(Path(rest)), cfg, _Everything())
    return
  if kind in _HTTP:
    server = _endpoint(spec, cfg)
    one = _Answering(server.identity, _batches(server), _Everything())
  else:
    judge = judges.load(_MODEL.value, cfg, _WEIGHTS.value)
    new = cfg.sampling.max_new_tokens
    limit = loading.room(judge.cfg, cfg.max_prompt_tokens, new)
    short = _Short(judge, limit)
    one = _Answering(judge.identity, judge.stream, short)
  with Cache(Path(_CACHE.value or output / "cache")) as cache:
    logging.info(cache.told(one.identity))
    yield Opened(
      model=_MODEL.value or spec,
      weights=_WEIGHTS.value,
      fingerprint=rows.digest(one.identity),
      simulated=False,
      stream=judges.watched(cached(one.stream, cache, one.identity), "judging"),
      fitting=one.fitting,
    )


class _Answering(NamedTuple):
  """A judge whose answers are kept, by all that they hang on."""

  identity: Mapping[str, Any]
  stream: Stream
  fitting: Items


def _endpoint(spec: str, cfg: config.Judge) -> Endpoint:
  url, _, name = spec.partition("#")
  return Endpoint(
    url, name, cfg.template.of(config.Template()), cfg.sampling, seed=cfg.seed
  )


def _batches(server: Endpoint) -> Stream:
  def stream(questions: Sequence[Question]) -> Iterator[Batch]:
    for number, judgement in server.stream(questions):
      yield Batch({number: judgement}, {})

  return stream


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


class _Everything:
  """What there is, whatever its length."""

  def comparisons(self, found: Sequence[Comparison]) -> list[Comparison]:
    return list(found)

  def groups(self, found: Sequence[Candidates]) -> list[Candidates]:
    return list(found)


def _told(
  spec: str, judging: Judging, cfg: config.Judge, fitting: Items
) -> Opened:
  """A judge that costs nothing, so that nothing is kept of it."""

  def stream(questions: Sequence[Question]) -> Iterator[Batch]:
    yield Batch(dict(enumerate(judging(questions))), {})

  return Opened(
    model=spec,
    weights="",
    fingerprint=rows.digest({"judge": spec, "seed": cfg.seed}),
    simulated=spec.startswith("simulated:"),
    stream=stream,
    fitting=fitting,
  )


def _error(spec: str) -> float:
  """The share of errors of a simulated judge."""
  share = spec.partition(":")[2]
  try:
    error = float(share)
  except ValueError:
    error = -1.0
  if not 0 <= error <= 1:
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
