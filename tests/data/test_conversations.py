import pytest

from rrm_jax.data import readers

from .published import chat, right

DIALOGUE = "\n\nHuman: q\n\nAssistant: a\n\nHuman: r"


def read(row):
  return readers.comparison_from_row({"id": "a", **row}, "a", "")


@pytest.mark.parametrize(
  ("row", "conversation"),
  [
    ({"prompt": "q", "chosen": "good", "rejected": "bad"}, chat("q")),
    (
      {
        "prompt": chat("q", "a", "r"),
        "chosen": chat("", "good")[1:],
        "rejected": chat("", "bad")[1:],
      },
      chat("q", "a", "r"),
    ),
    ({"chosen": chat("q", "good"), "rejected": chat("q", "bad")}, chat("q")),
    (
      {
        "prompt": "q",
        "chosen": chat("q", "a", "r", "good"),
        "rejected": chat("q", "a", "r", "bad"),
      },
      chat("q", "a", "r"),
    ),
    (
      {
        "chosen": f"{DIALOGUE}\n\nAssistant: good",
        "rejected": f"{DIALOGUE}\n\nAssistant: bad",
      },
      chat("q", "a", "r"),
    ),
    (
      {
        "chosen": "\n\nHuman: q\n\nHuman: r\n\nAssistant: good",
        "rejected": "\n\nHuman: q\n\nHuman: r\n\nAssistant: bad",
      },
      chat("q\n\nr"),
    ),
  ],
)
def test_rows_of_preference_sets(row, conversation):
  found = read(row)
  assert right(found) == "good"
  assert [message._asdict() for message in found.conversation] == conversation


@pytest.mark.parametrize(
  ("row", "message"),
  [
    (
      {"prompt": "q", "chosen": chat("q", "a"), "rejected": "b"},
      "chosen is a list of turns, and the other answer is not",
    ),
    (
      {"chosen": chat("q", "a"), "rejected": chat("p", "b")},
      "part before their last turn",
    ),
    (
      {"chosen": chat("q"), "rejected": chat("p")},
      r"chosen\[0\]\.role='user' must be 'assistant'",
    ),
    ({"chosen": ["a"], "rejected": ["b"]}, r"chosen\[0\] must have role"),
    ({"chosen": [], "rejected": []}, "chosen must be a list of turns, and"),
    (
      {"chosen": chat("", "a")[1:], "rejected": chat("", "b")[1:]},
      "neither of query and conversation",
    ),
  ],
)
def test_other_rows_are_refused(row, message):
  with pytest.raises(ValueError, match=message):
    read(row)
