# ruff: noqa: RUF001  the fullwidth bars are DeepSeek's
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.config import Template
from rrm_jax.records import Comparison, Message, Verdict
from rrm_jax.text import templates, verdict

# The printed text of an answer may look like a placeholder or like a verdict.
RRM_USER = """\
## Query

Name a {prime}.

## Assistant responses

### Assistant 1

Seven: 7.


### Assistant 2

I like {query} and \\boxed{8}.

## Analysis

Analyse both responses step by step by the rules above, decide which \
assistant is better, and answer with \\boxed{Assistant 1} or \
\\boxed{Assistant 2}."""


def template_for(tokenizer_name, thinking=True):
  name = "rrm" if tokenizer_name == "qwen2" else "arithmetic"
  return Template(name=name, thinking=thinking)


def test_rrm_golden(chat_comparison):
  system, user = templates.messages(Template(), chat_comparison)
  assert system.role == "system"
  assert user == Message("user", RRM_USER)


def test_rrm_system_names_the_assistants_consistently():
  system = templates.wording(Template()).system
  assert system.startswith("You are a careful judge")
  assert "Response A" not in system
  assert "Assistant A" not in system
  rules = [line for line in system.splitlines() if line[:2] in NUMBERS]
  assert [line[:2] for line in rules] == list(NUMBERS)
  assert system.endswith("\\boxed{Assistant 1} or \\boxed{Assistant 2}.")


NUMBERS = ("1.", "2.", "3.", "4.", "5.")


def test_rrm_without_thinking_asks_for_the_verdict_at_once(chat_comparison):
  thinking = templates.messages(Template(), chat_comparison)
  direct = templates.messages(Template(thinking=False), chat_comparison)
  assert direct[0] == thinking[0]
  layout, _, task = direct[1].content.partition("## Analysis\n\n")
  assert layout == RRM_USER.partition("## Analysis\n\n")[0]
  assert "at once" in task
  assert "step by step" not in task


def test_arithmetic_golden(sum_comparison):
  template = Template(name="arithmetic")
  assert templates.messages(template, sum_comparison) == (
    Message("user", "+3 -9 *7 . . A1:8 A2:5"),
  )
  assert templates.messages(template, sum_comparison, swapped=True) == (
    Message("user", "+3 -9 *7 . . A1:5 A2:8"),
  )


def test_swapped_exchanges_the_responses_only(chat_comparison):
  _, user = templates.messages(Template(), chat_comparison, swapped=True)
  first = user.content.index("I like {query}")
  assert user.content.index("### Assistant 1") < first
  assert first < user.content.index("### Assistant 2")
  assert user.content.index("### Assistant 2") < user.content.index("Seven")
  assert sorted(user.content) == sorted(RRM_USER)


def test_several_turns_stand_in_place_of_the_query():
  turns = (Message("system", "s"), Message("user", "q"),
           Message("assistant", "a"), Message("user", "r"))  # fmt: skip
  shown = "\n\n".join(
    ["Both responses answer the last turn of this conversation:",
     "[System]\ns", "[User]\nq", "[Assistant]\na", "[User]\nr"]
  )  # fmt: skip
  several, one = (
    templates.messages(Template(), Comparison("a", asked, ("x", "y")))
    for asked in (turns, (Message("user", shown),))
  )
  assert several == one


def test_a_conversation_ends_with_the_query():
  turns = (Message("user", "q"), Message("assistant", "a"))
  with pytest.raises(
    ValueError, match=r"'row-7' .*user, assistant\]; the last"
  ):
    templates.messages(Template(), Comparison("row-7", turns, ("a", "b")))


def test_prompt_is_the_rendered_chat(arithmetic, sum_comparison):
  ids = templates.prompt(
    arithmetic, Template(name="arithmetic"), sum_comparison, swapped=True
  )
  assert arithmetic.decode(ids) == "Q: +3 -9 *7 . . A1:5 A2:8 <think>"
  direct = Template(name="arithmetic", thinking=False)
  ids = templates.prompt(arithmetic, direct, sum_comparison)
  assert arithmetic.decode(ids) == "Q: +3 -9 *7 . . A1:8 A2:5"


def test_prompt_with_qwen2(qwen2, chat_comparison):
  ids = templates.prompt(qwen2, Template(), chat_comparison)
  text = qwen2.decode(ids)
  system = templates.wording(Template()).system
  assert text == (
    f"<｜begin▁of▁sentence｜>{system}<｜User｜>{RRM_USER}<｜Assistant｜><think>\n"
  )


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("name", ["arithmetic", "qwen2"])
def test_closing_makes_a_verdict(request, name, thinking):
  tokenizer = request.getfixturevalue(name)
  template = template_for(name, thinking)
  closing = templates.closing(template)
  before = tokenizer.encode(closing.text)
  after = tokenizer.encode(closing.ending)
  for winner, choice in enumerate(closing.choices, start=1):
    # Forced piece by piece, it is what the tokenizer makes of the whole.
    forced = [*before, tokenizer.token(choice), *after]
    text = closing.text + choice + closing.ending
    assert tokenizer.encode(text) == forced
    completion = tokenizer.decode([*forced, tokenizer.stop_ids[0]])
    read = verdict.parse(completion, thinking=thinking, stopped=True)
    assert read == Verdict(winner)
  assert ("</think>" in closing.text) == thinking


def test_closing_texts():
  assert templates.closing(Template(name="arithmetic")) == templates.Closing(
    " </think> \\boxed{", ("Assistant 1", "Assistant 2"), "}"
  )
  assert templates.closing(Template()) == templates.Closing(
    "\n</think>\n\n\\boxed{Assistant ", ("1", "2"), "}"
  )
  assert templates.closing(Template(tagged=False)) == templates.Closing(
    "\n\n\\boxed{Assistant ", ("1", "2"), "}"
  )


@pytest.fixture
def write(tmp_path):
  def write(text, name="wording.txt"):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Template(file=str(file))

  return write


def test_file_replaces_the_wording(write, chat_comparison):
  template = write(
    "Be fair: \\boxed{A} {x}.\n\n=== user ===\n"
    "{query}|{response_1}|{response_2}|{query}\n"
  )
  assert templates.messages(template, chat_comparison) == (
    Message("system", "Be fair: \\boxed{A} {x}."),
    Message(
      "user",
      "Name a {prime}.|Seven: 7.|I like {query} and \\boxed{8}."
      "|Name a {prime}.",
    ),
  )


def test_file_without_system_message(write, chat_comparison):
  template = write("=== user ===\r\n{query} {response_1} {response_2}")
  (user,) = templates.messages(template, chat_comparison, swapped=True)
  assert user.role == "user"
  assert user.content.startswith("Name a {prime}. I like")


@pytest.mark.parametrize("missing", ["query", "response_1", "response_2"])
def test_file_must_have_every_placeholder(write, chat_comparison, missing):
  text = "s\n=== user ===\n{query} {response_1} {response_2}"
  template = write(text.replace(f"{{{missing}}}", "x"))
  with pytest.raises(ValueError, match=rf"wording\.txt' has no {{{missing}}}"):
    templates.messages(template, chat_comparison)


def test_file_must_have_one_separator(write, chat_comparison):
  body = "{query} {response_1} {response_2}\n"
  with pytest.raises(ValueError, match="has 0 lines '=== user ==='"):
    templates.messages(write(body), chat_comparison)
  twice = write(("=== user ===\n" + body) * 2, name="twice.txt")
  with pytest.raises(ValueError, match="has 2 lines '=== user ==='"):
    templates.messages(twice, chat_comparison)


def test_file_must_be_readable(write, chat_comparison):
  with pytest.raises(ValueError, match=r"template file 'gone\.txt'"):
    templates.messages(Template(file="gone.txt"), chat_comparison)
  with pytest.raises(ValueError, match=r"wording\.txt'.*utf-8"):
    templates.messages(write(b"\xff\xfe=== user ==="), chat_comparison)


@settings(deadline=None)
@given(
  query=st.text(),
  response_1=st.text(),
  response_2=st.text(),
  swap=st.booleans(),
)
def test_values_survive_literally(query, response_1, response_2, swap):
  comparison = Comparison(
    "u", (Message("user", query),), (response_1, response_2)
  )
  _, user = templates.messages(Template(), comparison, swap)
  shown = (response_2, response_1) if swap else (response_1, response_2)
  expected = RRM_USER.replace("I like {query} and \\boxed{8}.", "\0")
  for old, new in (
    ("\n\n### Assistant 2\n\n\0", f"\n\n### Assistant 2\n\n{shown[1]}"),
    ("### Assistant 1\n\nSeven: 7.", f"### Assistant 1\n\n{shown[0]}"),
    ("## Query\n\nName a {prime}.", f"## Query\n\n{query}"),
  ):
    # Each stands before what was put in already, so the first is meant.
    expected = expected.replace(old, new, 1)
  assert user.content == expected


# First bytes of `printf '%s' SEED:UID | sha256sum`: 9d e0 be 7d 41 6f 5b.
@pytest.mark.parametrize(
  ("uid", "seed", "swapped"),
  [
    ("a", 0, True),
    ("b", 0, False),
    ("c", 0, False),
    ("d", 0, True),
    ("a", 1, True),
    ("b", 1, True),
    ("héllo", 7, True),
  ],
)
def test_presentation_order_golden(uid, seed, swapped):
  assert templates.shown_swapped(uid, seed) is swapped


def test_presentation_order_is_fair():
  swapped = sum(templates.shown_swapped(f"row-{i}", 3) for i in range(4_000))
  assert 1_880 < swapped < 2_120  # 3.8 standard deviations


def test_presentation_order_does_not_depend_on_the_process():
  code = (
    "from rrm_jax.text.templates import shown_swapped;"
    "print([int(shown_swapped(f'row-{i}', 0)) for i in range(64)])"
  )
  outputs = {
    subprocess.run(
      [sys.executable, "-c", code],
      env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(sys.path)},
      capture_output=True,
      text=True,
      check=True,
    ).stdout
    for salt in ("1", "2")
  }
  here = [int(templates.shown_swapped(f"row-{i}", 0)) for i in range(64)]
  assert outputs == {f"{here}\n"}
