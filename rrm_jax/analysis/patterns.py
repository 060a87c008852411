"""How a judge reasons, told by its words.

RRM's authors (Guo et al. 2025, arXiv:2505.14674) count keywords of four kinds
in the thoughts of RRM-32B and of DeepSeek-R1-Distill-Qwen-32B. Their lists were
not at hand. Said to be in them, unconfirmed, are "alternatively", "think
differently"; "wait", "verify", "make sure", "hold on", "think again", "let me
check"; "compared to", "more", "similarly", "between the two"; "break down".
`WORDS` has these; inflections and the other phrases are ours, so shares can be
compared between judges here, but not with the paper's. Who has their lists
gives them in a file: see `read`.

A word matches whole and in either case. `...` within a phrase stands for up to
three words or none: "break ... down" is in "break the problem down".
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from rrm_jax.analysis import paired, scores
from rrm_jax.records import Judgement

Patterns = Mapping[str, re.Pattern[str]]

WORDS: Mapping[str, Sequence[str]] = {
  "transition": (
    "alternatively", "think differently", "thinking differently",
    "other way", "another way", "on second thought",
  ),
  "reflection": (
    "wait", "verify", "verifies", "verified", "verifying", "make sure",
    "making sure", "hold on", "think again", "check", "checking",
    "let me see", "let me think",
  ),
  "comparison": (
    "compare", "compares", "compared", "comparing", "more", "similarly",
    "between the two", "whereas", "in contrast", "both responses",
    "both assistants", "both answers",
  ),
  "breakdown": (
    "break ... down", "breaks ... down", "breaking ... down",
    "broken ... down", "step by step",
  ),
}  # fmt: skip
_GAP = r"(?:\s+\w+){0,3}"
_CLOSING_TAG = "</think>"
_WORD = re.compile(r"\w+")


def compiled(words: Mapping[str, Sequence[str]]) -> Patterns:
  """What finds the words and phrases of each kind."""
  return {kind: _pattern(some) for kind, some in words.items()}


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
  """Any of them; the longest first, so that one is not found as its part."""
  found = "|".join(map(_phrase, sorted(words, key=len, reverse=True)))
  return re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.IGNORECASE)


def _phrase(words: str) -> str:
  """The words with any space between them, and what `...` stands for."""
  first, *others = words.split()
  rest = (
    _GAP if word == "..." else rf"\s+{re.escape(word)}" for word in others
  )
  return re.escape(first) + "".join(rest)


PATTERNS = compiled(WORDS)


def read(path: Path) -> Patterns:
  """Patterns of one's own, {"KIND": ["WORD OR PHRASE", ...]} in a JSON file.

  Raises:
    ValueError: it cannot be read, or is of another form.
  """
  form = 'give {"KIND": ["WORD OR PHRASE", ...]}, as {"reflection": ["wait"]}'
  try:
    given = json.loads(path.read_text(encoding="utf-8"))
  except OSError as error:
    raise ValueError(f"{path} cannot be read: {error.strerror}") from None
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}; {form}") from None
  if not isinstance(given, dict) or not given:
    raise ValueError(f"{path} has no kinds of words; {form}")
  for kind, words in given.items():
    if not isinstance(words, list) or not words:
      raise ValueError(f"{path}: {kind!r} has no list of words; {form}")
    for word in words:
      if not isinstance(word, str) or not word.strip(" .\t\n"):
        raise ValueError(f"{path}: {word!r} of {kind!r} is no word; {form}")
      if word.split()[0] == "..." or word.split()[-1] == "...":
        raise ValueError(
          f"{path}: {word!r} of {kind!r}: ... must be between two words"
        )
  return compiled(given)


def counts(
  judgements: Iterable[Judgement], patterns: Patterns = PATTERNS
) -> list[dict]:
  """How often a judge's thoughts hold words of each kind.

  Returns:
    A row for each kind: `pattern`; `share` of thoughts with at least one, with
    `low` and `high`; `per_1000_words`.

  Raises:
    ValueError: there are no judgements.
  """
  found = _found(judgements, patterns)
  words = max(1, sum(total for _, total, _ in found))
  return [
    {
      "pattern": name,
      **scores.over_comparisons(
        [(uid, float(kinds[name] > 0)) for uid, _, kinds in found], "share"
      ),
      "per_1000_words": round(
        1000 * sum(kinds[name] for _, _, kinds in found) / words, 3
      ),
    }
    for name in patterns
  ]


def compare(
  first: Iterable[Judgement],
  second: Iterable[Judgement],
  patterns: Patterns = PATTERNS,
) -> list[dict]:
  """Whether the second judge's thoughts hold more words of each kind.

  Returns:
    A row for each kind: `pattern`, `difference` of the share of thoughts with
    at least one (second less first, mean over the comparisons that both
    judged), `low`, `high`, `p`, as `paired.difference` has them.

  Raises:
    ValueError: they share no comparison.
  """
  one, other = _found(first, patterns), _found(second, patterns)
  rows = []
  for name in patterns:
    shares = [_shares(found, name) for found in (one, other)]
    both = [uid for uid in shares[0] if uid in shares[1]]
    if not both:
      raise ValueError(
        "the two runs share no comparison; give two runs on the same data"
      )
    gaps = np.array([shares[1][uid] - shares[0][uid] for uid in both])
    rows.append({"pattern": name, **paired.difference(gaps)})
  return rows


def _found(
  judgements: Iterable[Judgement], patterns: Patterns
) -> list[tuple[str, int, dict[str, int]]]:
  """Uid, number of words, and matches by kind, of each thought.

  Raises:
    ValueError: there are none.
  """
  made = []
  for judgement in judgements:
    thought = judgement.text.partition(_CLOSING_TAG)[0]
    kinds = {name: len(p.findall(thought)) for name, p in patterns.items()}
    made.append((judgement.uid, len(_WORD.findall(thought)), kinds))
  if not made:
    raise ValueError("there are no judgements to analyse")
  return made


def _shares(
  found: list[tuple[str, int, dict[str, int]]], name: str
) -> dict[str, float]:
  """The share of each comparison's thoughts with a word of the kind."""
  groups: dict[str, list[bool]] = {}
  for uid, _, kinds in found:
    groups.setdefault(uid, []).append(kinds[name] > 0)
  return {uid: float(np.mean(group)) for uid, group in groups.items()}
