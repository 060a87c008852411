"""One right answer against one wrong: pairs made of verifiable questions.

RRM's verifiable part is made so (Guo et al. 2025, arXiv:2505.14674, section on
training data): several answers to each question are sampled, a rule says which
are right, thoughts are taken off, and a right one meets a wrong one.

All that could tell the right answer without reading it is evened out: its
place (by a coin), and its length. Whatever is left out is counted.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rrm_jax.data import balance, groups, gsm8k, verifier
from rrm_jax.data.problems import Problem
from rrm_jax.data.samples import Sample
from rrm_jax.data.verifier import Finding
from rrm_jax.records import Candidates, Comparison, Message

_CLOSING_TAG = "</think>"
_OPENING_TAG = "<think>"


class Marked(NamedTuple):
  """Answers to questions, marked.

  Attributes:
    groups: A question with its answers each; all kinds of questions.
    report: Counts, ready for JSON: `questions` and `answers`, what was read,
      what was `left_out` by reason, and what was found.
  """

  groups: list[Candidates]
  report: dict


@dataclasses.dataclass(frozen=True)
class Pairs:
  """What `make` made, ready to be written.

  Attributes:
    train: Comparisons to learn from.
    test: Comparisons whose questions are none of those.
    report: Counts, ready for JSON.
  """

  train: list[Comparison]
  test: list[Comparison]
  report: dict


def mark(
  problems: Sequence[Problem],
  samples: Sequence[Sample],
  progress: Callable[[int], None] = lambda done: None,
) -> Marked:
  """Finds each answer's question, and whether it is right.

  Questions that differ in letters' case and white space only are one. Answers
  that differ in white space only are one.

  Args:
    problems: Questions with their reference answers.
    samples: Answers, in any order.
    progress: Is told how many questions are done.
  """
  unasked, unsaid = Counter[str](), Counter[str]()
  known = _distinct(problems, unasked)
  answers = _answers(known, samples, unsaid)
  found = Counter[str]()
  marked = []
  for done, (name, problem) in enumerate(known.items(), start=1):
    if said := answers.get(name):
      try:
        marked.append(_marked(problem, said, found))
      except ValueError:
        unasked["have a reference that cannot be read"] += 1
        unsaid["are to a question whose reference cannot be read"] += len(said)
    else:
      unasked["have no answer"] += 1
    progress(done)
  right, wrong = found[Finding.RIGHT], found[Finding.WRONG]
  return Marked(
    marked,
    {
      "questions": {"read": len(problems), "left_out": dict(+unasked)},
      "answers": {
        "read": len(samples),
        "left_out": dict(+unsaid),
        "right": right,
        "wrong": wrong,
        "without_final_answer": found[Finding.MISSING],
      },
    },
  )


def make(
  marked: Marked,
  *,
  per_question: int = 0,
  test_share: float = 0.1,
  balanced: bool = True,
) -> Pairs:
  """Pairs right answers with wrong ones.

  An answer without a final answer is wrong. A question is for testing by a
  stable hash of its text, the one that makes the named sets "gsm8k/train" and
  "gsm8k/test": what is held out there is so here.

  Args:
    marked: What `mark` gave.
    per_question: The most pairs of one question; 0 for all.
    test_share: Of the questions.
    balanced: Whether the longer answer shall be right in half of the pairs.

  Raises:
    ValueError: `per_question` or `test_share` makes no sense, no question has
      both a right and a wrong answer, or nothing is left to train on.
  """
  if per_question < 0:
    raise ValueError(f"per_question={per_question} must be at least 0")
  if not 0 <= test_share < 1:
    raise ValueError(f"test_share={test_share} must be in [0, 1)")
  unpaired = Counter[str]()
  mixed = [group for group in marked.groups if _mixed(group, unpaired)]
  if not mixed:
    counts = ", ".join(f"{n} {why}" for why, n in unpaired.items()) or "none"
    raise ValueError(
      "no question has both a right and a wrong answer, so there is nothing to "
      f"compare; of the {len(marked.groups)} with answers, {counts}. Sample "
      "more answers to a question, or harder questions"
    )
  left_out = Counter[str]()
  splits: dict[str, list[Comparison]] = {}
  for split in ("train", "test"):
    chosen = [
      groups.comparisons(group)
      for group in mixed
      if gsm8k.held_out(group.conversation[-1].content, test_share)
      == (split == "test")
    ]
    splits[split] = balance.select(chosen, per_question, balanced, left_out)
  if not splits["train"]:
    raise ValueError(
      f"none of the pairs of {len(mixed)} questions is left to train on: "
      + ", ".join(f"{n} {why}" for why, n in (+left_out).items())
      + f"; test_share={test_share} of the questions are held out"
    )
  possible = [pair for group in mixed for pair in groups.comparisons(group)]
  questions = marked.report["questions"]
  report = {
    **marked.report,
    "questions": {
      **questions,
      "left_out": {**questions["left_out"], **unpaired},
      "paired": len(mixed),
    },
    "pairs": {
      "possible": len(possible),
      "left_out": dict(+left_out),
      **{split: len(made) for split, made in splits.items()},
    },
    "longer_is_right": {
      name: balance.longer_is_right(made)
      for name, made in {"possible": possible, **splits}.items()
    },
  }
  return Pairs(splits["train"], splits["test"], report)


def row(pair: Comparison) -> dict[str, str]:
  """A pair as a row that `readers` takes, with its label.

  Raises:
    ValueError: it has no label.
  """
  if pair.label is None:
    raise ValueError(f"pair {pair.uid!r} has no label")
  return {
    "id": pair.uid,
    "query": pair.query,
    "chosen": pair.responses[pair.label - 1],
    "rejected": pair.responses[2 - pair.label],
    "subset": pair.subset,
  }


def without_thinking(response: str) -> str | None:
  """What a response says after its thought; None if that never ended."""
  _, closed, answer = response.rpartition(_CLOSING_TAG)
  if not closed and _OPENING_TAG in response:
    return None
  return answer.strip()


def _plain(text: str) -> str:
  """A text without what spacing may change."""
  return " ".join(text.split())


def _distinct(
  problems: Iterable[Problem], left_out: Counter[str]
) -> dict[str, Problem]:
  """The problems by their plain questions, each question once."""
  known: dict[str, Problem] = {}
  disputed = set()
  for problem in problems:
    name = _plain(problem.question).casefold()
    first = known.setdefault(name, problem)
    if first is not problem:
      left_out["repeat a question"] += 1
      if _plain(first.answer) != _plain(problem.answer):
        disputed.add(name)
  for name in disputed:
    left_out["have two different references"] += 1
    del known[name]
  return known


def _answers(
  known: Mapping[str, Problem],
  samples: Iterable[Sample],
  left_out: Counter[str],
) -> dict[str, list[str]]:
  """The distinct answers to each question, in the order they came."""
  answers: dict[str, dict[str, str]] = {}
  for sample in samples:
    name = _plain(sample.question).casefold()
    text = without_thinking(sample.response)
    if name not in known:
      left_out["are to none of the questions"] += 1
    elif text is None:
      left_out["end within their thought"] += 1
    elif not text:
      left_out["are empty"] += 1
    else:
      first = answers.setdefault(name, {}).setdefault(_plain(text), text)
      left_out["repeat an answer"] += first is not text
  return {name: list(texts.values()) for name, texts in answers.items()}


def _marked(
  problem: Problem, answers: Sequence[str], found: Counter[str]
) -> Candidates:
  """A question with its answers and whether each is right.

  Raises:
    ValueError: the reference has nothing to compare with.
  """
  findings = [verifier.verify(text, problem.answer) for text in answers]
  found.update(findings)
  return Candidates(
    uid=problem.uid,
    conversation=(Message("user", problem.question),),
    responses=tuple(answers),
    correct=tuple(finding is Finding.RIGHT for finding in findings),
    subset=problem.subset,
    source=problem.source,
  )


def _mixed(group: Candidates, left_out: Counter[str]) -> bool:
  """Whether some answers are right and some wrong."""
  marks = set(group.correct or ())
  if marks == {True, False}:
    return True
  left_out[f"have {'right' if True in marks else 'wrong'} answers only"] += 1
  return False
