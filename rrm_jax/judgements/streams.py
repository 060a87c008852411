"""Judges that answer bit by bit, and one that remembers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.records import Judgement, Question


class Batch(NamedTuple):
  """Answers that came together.

  Attributes:
    made: By the number of their question, in the sequence that was asked.
    figures: On how they were made, for people to look at.
  """

  made: Mapping[int, Judgement]
  figures: Mapping[str, float]


# Who answers questions bit by bit, each once.
Stream = Callable[[Sequence[Question]], Iterator[Batch]]


def gathered(
  stream: Stream,
) -> Callable[[Sequence[Question]], list[Judgement]]:
  """A stream as a `Judging`, which answers when it knows everything."""

  def judging(questions: Sequence[Question]) -> list[Judgement]:
    made: dict[int, Judgement] = {}
    for batch in stream(questions):
      made |= batch.made
    return [made[number] for number in range(len(questions))]

  return judging


def cached(stream: Stream, cache: Cache, identity: Mapping[str, Any]) -> Stream:
  """A judge that asks another only for what the cache does not hold.

  What it gets is written down batch by batch. A question that is asked twice
  is put once.

  Args:
    stream: Who answers.
    cache: Where answers are kept; it may be shared with other processes, whose
      answers are seen at the next call.
    identity: All that the answers hang on beside the question, as plain values;
      another one finds nothing.
  """
  judge = rows.digest(identity)

  def ask(questions: Sequence[Question]) -> Iterator[Batch]:
    cache.refresh()
    numbers: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
      numbers.setdefault(rows.key(judge, question), []).append(number)
    known = {name: cache.get(name) for name in numbers}
    found = {
      number: judgement
      for name, judgement in known.items()
      if judgement is not None
      for number in numbers[name]
    }
    if found:
      yield Batch(found, {})
    missing = [name for name in numbers if known[name] is None]
    if not missing:
      return
    for made, figures in stream([questions[numbers[n][0]] for n in missing]):
      cache.add(identity, {missing[i]: said for i, said in made.items()})
      yield Batch(
        {n: said for i, said in made.items() for n in numbers[missing[i]]},
        figures,
      )

  return ask
