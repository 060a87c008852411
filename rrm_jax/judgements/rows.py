"""Judgements as lines of text, and what they are found by.

A judgement follows from its judge (weights, template, sampling, seed), the
comparison and its uid, the order, and the sample's number, whatever else is
judged beside it. So that is its key, and what is found under it is what the
judge would say again.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Question,
  Verdict,
)

_CHECKED = re.compile(rb'\{"crc32": "([0-9a-f]{8})", (.*)', re.DOTALL)


def digest(identity: Mapping[str, Any]) -> str:
  """What names a judge in a cache: a hash of all that its answers hang on."""
  text = json.dumps(identity, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def key(judge: str, question: Question) -> str:
  """What a judgement is found by.

  Not by label, subset or source, which a judge does not see. But by uid, though
  it does not see that either: samples are drawn by it.

  Args:
    judge: Its `digest`.
    question: What was asked.
  """
  comparison = question.comparison
  parts = (
    judge,
    comparison.uid,
    comparison.conversation,
    comparison.responses,
    question.sample_id,
    question.swapped,
  )
  return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def to_row(judgement: Judgement) -> dict[str, Any]:
  """A judgement as plain values."""
  return {
    "id": judgement.uid,
    "sample": judgement.sample_id,
    "swapped": judgement.swapped,
    "winner": judgement.verdict.winner,
    "invalid": judgement.verdict.invalid,
    "finish": judgement.finish,
    "prompt_tokens": judgement.prompt_tokens,
    "thinking_tokens": judgement.thinking_tokens,
    "completion_tokens": judgement.completion_tokens,
    "text": judgement.text,
  }


def labelled(judgement: Judgement, comparison: Comparison) -> dict[str, Any]:
  """A judgement with what it takes to analyse it, as plain values.

  Returns:
    What `to_row` gives; the comparison's `subset` and `label`; `lengths`: the
    characters of its two responses, in the data's order; and `query`: a digest
    of the conversation, by which those of one query are known.
  """
  turns = json.dumps(comparison.conversation).encode()
  return {
    **to_row(judgement),
    "subset": comparison.subset,
    "label": comparison.label,
    "lengths": [len(response) for response in comparison.responses],
    "query": hashlib.sha256(turns).hexdigest()[:16],
  }


def from_row(row: Mapping[str, Any]) -> Judgement:
  """The inverse of `to_row`; other keys are ignored.

  Raises:
    KeyError, ValueError: the row is of another form.
  """
  invalid = None if row["invalid"] is None else Invalid(row["invalid"])
  return Judgement(
    uid=row["id"],
    sample_id=row["sample"],
    swapped=row["swapped"],
    verdict=Verdict(row["winner"], invalid),
    text=row["text"],
    prompt_tokens=row["prompt_tokens"],
    thinking_tokens=row["thinking_tokens"],
    completion_tokens=row["completion_tokens"],
    finish=Finish(row["finish"]),
  )


def line(row: Mapping[str, Any]) -> bytes:
  """A row as a line of JSON that begins with a checksum of its rest."""
  rest = json.dumps(row, ensure_ascii=False).encode()[1:]
  return b'{"crc32": "%08x", %b\n' % (zlib.crc32(rest), rest)


def parse(text: bytes) -> dict[str, Any]:
  """What a line holds.

  Raises:
    ValueError: it is not as it was written.
  """
  found = _CHECKED.fullmatch(text.removesuffix(b"\n"))
  if found is None:
    raise ValueError("no line of a judgement cache")
  if zlib.crc32(found[2]) != int(found[1], 16):
    raise ValueError("its checksum does not match")
  return json.loads(b"{" + found[2])
