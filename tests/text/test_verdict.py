import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.records import Invalid, Verdict
from rrm_jax.text.verdict import parse

BOX_1 = "\\boxed{Assistant 1}"
BOX_2 = "\\boxed{Assistant 2}"


@pytest.mark.parametrize(
  ("text", "winner"),
  [
    (f"hm</think>{BOX_1}", 1),
    (f"<think>hm</think>\n\n{BOX_2}", 2),
    (f"</think>{BOX_2}", 2),
    # The last box counts, and boxes in the thinking do not.
    (f"{BOX_1}</think>{BOX_1} or rather {BOX_2}.", 2),
    (f"{BOX_2}</think>{BOX_1}", 1),
    # Only the text between the first tag and the second.
    (f"a</think>{BOX_1}</think>{BOX_2}", 1),
    # An fbox serves where there is no box, but not else.
    ("a</think>\\fbox{Assistant 2}", 2),
    (f"a</think>{BOX_1} \\fbox{{Assistant 2}}", 1),
    # Of nested boxes the inner one is the last.
    ("a</think>\\boxed{\\boxed{Assistant 2}}", 2),
    # An unfinished word after the verdict does no harm.
    (f"a</think>{BOX_2} bec", 2),
  ],
)
@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
def test_valid(text, winner, thinking, stopped):
  verdict = parse(text, thinking=thinking, stopped=stopped)
  assert verdict == Verdict(winner)


@pytest.mark.parametrize(
  ("text", "reason", "if_cut"),
  [
    ("", Invalid.NO_CLOSING_TAG, Invalid.TRUNCATED),
    (BOX_1, Invalid.NO_CLOSING_TAG, Invalid.TRUNCATED),
    (f"{BOX_1}</think", Invalid.NO_CLOSING_TAG, Invalid.TRUNCATED),
    (f"{BOX_1}</think>", Invalid.NO_BOX, Invalid.TRUNCATED),
    ("a</think>Assistant 1", Invalid.NO_BOX, Invalid.TRUNCATED),
    (f"a</think>b</think>{BOX_1}", Invalid.NO_BOX, Invalid.TRUNCATED),
    # The last box is open: that an earlier one is closed does not help.
    (
      f"a</think>{BOX_1} \\boxed{{Assistant 2",
      Invalid.NO_BOX,
      Invalid.TRUNCATED,
    ),
    ("a</think>\\boxed{Assistant {1}", Invalid.NO_BOX, Invalid.TRUNCATED),
    ("a</think>\\boxed{}", Invalid.WRONG_CONTENT, Invalid.WRONG_CONTENT),
    ("a</think>\\boxed{1}", Invalid.WRONG_CONTENT, Invalid.WRONG_CONTENT),
    (
      "a</think>\\boxed{Assistant 3}",
      Invalid.WRONG_CONTENT,
      Invalid.WRONG_CONTENT,
    ),
    (
      "a</think>\\boxed{assistant 1}",
      Invalid.WRONG_CONTENT,
      Invalid.WRONG_CONTENT,
    ),
    (
      "a</think>\\boxed{ Assistant 1}",
      Invalid.WRONG_CONTENT,
      Invalid.WRONG_CONTENT,
    ),
    (
      "a</think>\\boxed{\\text{Assistant 1}}",
      Invalid.WRONG_CONTENT,
      Invalid.WRONG_CONTENT,
    ),
  ],
)
def test_invalid(text, reason, if_cut):
  assert parse(text, thinking=True, stopped=True) == Verdict(None, reason)
  assert parse(text, thinking=True, stopped=False) == Verdict(None, if_cut)


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    (f" {BOX_2}", Verdict(2)),
    ("", Verdict(None, Invalid.NO_BOX)),
    ("\\boxed{A}", Verdict(None, Invalid.WRONG_CONTENT)),
    # A judge which closes a thought all the same is read like any other.
    (f"{BOX_1}</think>{BOX_2}", Verdict(2)),
    (f"{BOX_1}</think>", Verdict(None, Invalid.NO_BOX)),
  ],
)
def test_without_thinking(text, expected):
  assert parse(text, thinking=False, stopped=True) == expected


PIECES = (
  "</think>",
  "<think>",
  "\\boxed{",
  "\\fbox{",
  "{",
  "}",
  "Assistant 1",
  "Assistant 2",
  " ",
  "\n",
)
TEXTS = st.one_of(
  st.text(),
  st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join),
)


@settings(deadline=None)
@given(text=TEXTS, thinking=st.booleans(), stopped=st.booleans())
def test_total(text, thinking, stopped):
  verdict = parse(text, thinking=thinking, stopped=stopped)
  assert (verdict.winner is None) == (verdict.invalid is not None)
  if verdict.winner is not None:
    assert re.search(rf"box(ed)?{{Assistant {verdict.winner}}}", text)
  if stopped:
    assert verdict.invalid is not Invalid.TRUNCATED
  else:
    assert verdict.invalid not in (Invalid.NO_BOX, Invalid.NO_CLOSING_TAG)
  if "</think>" in text:
    either_way = parse(text, thinking=not thinking, stopped=stopped)
    assert verdict == either_way
  elif thinking:
    assert verdict.winner is None


@settings(deadline=None)
@given(thought=TEXTS, winner=st.sampled_from([1, 2]))
def test_a_proper_ending_decides_whatever_was_thought(thought, winner):
  thought = thought.replace("</think>", "")
  text = f"{thought}</think>\\boxed{{Assistant {winner}}}"
  # Replacing may have joined the two halves of another tag.
  if text.count("</think>") == 1:
    assert parse(text, thinking=True, stopped=True) == Verdict(winner)
