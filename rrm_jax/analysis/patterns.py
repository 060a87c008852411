"""How a judge reasons, told by its words.

RRM's authors (Guo et al. 2025, arXiv:2505.14674) count words of four kinds in
the thoughts of a judge and of the model it was trained from. Their lists are
not at hand: these hold words of each kind that are known to be theirs only from
memory, with inflections and a few phrases more, so shares can be compared
between judges here and not with the paper's.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from rrm_jax.analysis import paired, scores
from rrm_jax.records import Judgement

PATTERNS: Mapping[str, re.Pattern[str]] = {
  name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
  for name, words in {
    "transition": r"alternatively|think(?:ing)? differently|"
    r"(?:an)?other way|on second thought",
    "reflection": r"wait|verif(?:y|ies|ied|ying)|mak(?:e|ing) sure|hold on|"
    r"think again|(?:double-)?check(?:ing)?|let me (?:see|think)",
    "comparison": r"compar(?:e|es|ed|ing)|more|similarly|between the two|"
    r"whereas|in contrast|both (?:responses|assistants|answers)",
    "breakdown": r"br(?:eak|eaks|eaking|oken)(?: \w+){0,3} down|step by step",
  }.items()
}
_CLOSING_TAG = "</think>"
_WORD = re.compile(r"\w+")


def counts(judgements: Iterable[Judgement]) -> list[dict]:
  """How often a judge's thoughts hold words of each kind.

  Returns:
    A row for each kind: `pattern`; `share` of thoughts with at least one, with
    `low` and `high`; `per_1000_words`.

  Raises:
    ValueError: there are no judgements.
  """
  found = _found(judgements)
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
    for name in PATTERNS
  ]


def compare(
  first: Iterable[Judgement], second: Iterable[Judgement]
) -> list[dict]:
  """Whether the second judge's thoughts hold more words of each kind.

  Returns:
    A row for each kind: `pattern`, `difference` of the share of thoughts with
    at least one (second less first, mean over the comparisons that both
    judged), `low`, `high`, `p`, as `paired.difference` has them.

  Raises:
    ValueError: they share no comparison.
  """
  one, other = _found(first), _found(second)
  rows = []
  for name in PATTERNS:
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
  judgements: Iterable[Judgement],
) -> list[tuple[str, int, dict[str, int]]]:
  """Uid, number of words, and matches by kind, of each thought.

  Raises:
    ValueError: there are none.
  """
  made = []
  for judgement in judgements:
    thought = judgement.text.partition(_CLOSING_TAG)[0]
    kinds = {name: len(p.findall(thought)) for name, p in PATTERNS.items()}
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
