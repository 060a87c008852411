"""Words of four kinds."""

import dataclasses
import json

import pytest

from rrm_jax.analysis import patterns

from .judged import judgement


def thinks(uid, text, sample_id=0):
  return dataclasses.replace(judgement(uid, 1, sample_id), text=text)


@pytest.mark.parametrize(
  ("text", "kinds"),
  [
    ("Alternatively, it may be so.", {"transition"}),
    ("Wait. Let me check that again.", {"reflection"}),
    ("I'll make sure and VERIFY it; hold on!", {"reflection"}),
    ("Compared to the first it says more.", {"comparison"}),
    ("Break the problem down.", {"breakdown"}),
    ("It is broken down here.", {"breakdown"}),
    ("The waiter had a moreover and a breakdown lane downtown.", set()),
    ("It broke when we went down.", set()),
    ("", set()),
  ],
)
def test_words(text, kinds):
  found = {
    row["pattern"]
    for row in patterns.counts([thinks("a", text)])
    if row["share"]
  }
  assert found == kinds


def test_words_of_ones_own(tmp_path):
  path = tmp_path / "words.json"
  path.write_text('{"doubt": ["so what?", "hm"], "cut": ["cut ... up"]}')
  own = patterns.read(path)
  text = "Hm. So  WHAT? Cut it all\nup, cut up. Hmm, so whatever."
  doubt, cut = patterns.counts([thinks("a", text)], own)
  assert (doubt["pattern"], cut["pattern"]) == ("doubt", "cut")
  assert doubt["per_1000_words"] == cut["per_1000_words"] == 166.667
  again = patterns.compare([thinks("a", "no")], [thinks("a", text)], own)
  assert [row["pattern"] for row in again] == ["doubt", "cut"]


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (None, "cannot be read: No such file"),
    ("{", 'is no JSON: .* give {"KIND"'),
    ("[]", "has no kinds of words"),
    ('{"a": "wait"}', "'a' has no list of words"),
    ('{"a": ["wait"], "b": []}', "'b' has no list of words"),
    ('{"a": [" "]}', "' ' of 'a' is no word"),
    (r'{"a": ["wait", " \t"]}', r"' \\t' of 'a' is no word"),
    ('{"a": [3]}', "3 of 'a' is no word"),
    ('{"a": ["cut ..."]}', r"'cut \.\.\.' of 'a': \.\.\. must be between"),
  ],
)
def test_what_is_no_list_of_words_is_named(tmp_path, text, message):
  path = tmp_path / "words.json"
  if text is not None:
    path.write_text(text)
  with pytest.raises(ValueError, match=f"words.json:? .*{message}"):
    patterns.read(path)


def test_counts_golden():
  judged = [
    thinks("a", "wait wait one two</think> wait more"),
    thinks("a", "three four five six", 1),
    thinks("b", "wait more</think>"),
  ]
  rows = {row["pattern"]: row for row in patterns.counts(judged)}
  # Of a's thoughts one half, of b's all; 3 of 10 words.
  assert rows["reflection"]["share"] == 0.75
  assert rows["reflection"]["per_1000_words"] == 300.0
  assert rows["comparison"]["share"] == 0.5
  assert rows["comparison"]["per_1000_words"] == 100.0
  assert rows["breakdown"]["share"] == 0.0
  assert json.loads(json.dumps(rows)) == rows


def test_two_judges():
  plain = [thinks(f"{i}", "The first.") for i in range(8)]
  careful = [thinks(f"{i}", "Wait, no: the first.") for i in range(8)]
  rows = {row["pattern"]: row for row in patterns.compare(plain, careful)}
  assert rows["reflection"]["difference"] == 1.0
  assert rows["reflection"]["p"] == pytest.approx(2 / 256, abs=0.003)
  assert rows["comparison"] == {
    "pattern": "comparison",
    "difference": 0.0,
    "low": 0.0,
    "high": 0.0,
    "p": 1.0,
  }


def test_nothing_in_common():
  with pytest.raises(ValueError, match="share no comparison"):
    patterns.compare([thinks("a", "x")], [thinks("b", "x")])
  with pytest.raises(ValueError, match="no judgements"):
    patterns.counts([])
