"""What a tokenizer and a template make of requests, and of their answers."""

import dataclasses

import numpy as np
import pytest

from rrm_jax import config, judge, prompts
from rrm_jax.data import arithmetic
from rrm_jax.sampling import budget
from rrm_jax.sampling.completions import Completion
from rrm_jax.text import closed_vocabulary
from rrm_jax.text import tokenizer as tokenizers


@pytest.fixture
def untagged(shared_data):
  """Qwen2.5's tokenizer, which has no token `</think>`."""
  return tokenizers.load(f"{shared_data}/tokenizers/qwen2#qwen2.5")


def test_no_tag_no_finite_budget(untagged):
  script = prompts.script(untagged, config.Template())
  assert script.closing_tag == -1
  assert script.stop.tolist() == [151_645, 151_643]
  free = config.Sampling(max_new_tokens=64)
  assert prompts.thinking_limit(free, script) == budget.UNLIMITED
  finite = dataclasses.replace(free, thinking_budget=8)
  with pytest.raises(ValueError, match=r"=8 needs a tokenizer .* Set it to -1"):
    prompts.thinking_limit(finite, script)


@pytest.mark.parametrize(
  ("text", "thought"),
  [
    ("One, two.</think>\\boxed{Assistant 1}", "One, two."),
    ("\n日本 ☃\n</think>\n\n\\boxed{Assistant 2}", "\n日本 ☃\n"),
    ("No tag at all \\boxed{Assistant 1}", None),
    ("</think>\\boxed{Assistant 1}", ""),
  ],
)
def test_without_a_tag_its_text_ends_the_thought(untagged, text, thought):
  ids = untagged.encode(text)
  length = untagged.thought_length(ids)
  if thought is None:
    assert length == len(ids)
    return
  # A token that begins before the tag counts.
  assert untagged.decode(ids[:length]).startswith(thought)
  assert length == 0 or not untagged.decode(ids[: length - 1]).startswith(
    thought
  )
  template = config.Template()
  row = prompts.Prompt(
    arithmetic.comparison(config.Data(), 0, "train", 0), False, [16]
  )
  completion = Completion(
    np.array(ids), np.zeros(len(ids)), np.zeros(len(ids), bool), True
  )
  (read,) = judge.read([(row, 0)], [completion], untagged, template)
  assert read.thinking_tokens == length
  assert read.text == text
  assert read.verdict.winner is not None


def test_verdicts_must_differ_in_one_token():
  pieces = ("\n", "</think>", "\\boxed{Assistant ", "1}", "2", "}", "<|end|>")
  backend = closed_vocabulary.backend(pieces, {"<|end|>"})
  tokenizer = tokenizers.Tokenizer(backend, "", (6,), 6)
  with pytest.raises(ValueError, match=r"\[0, 1, 0, 0, 2, 3\] and .*one$"):
    prompts.script(tokenizer, config.Template())


@pytest.mark.parametrize("new", [1, 3, 12])
def test_a_stop_text_ends_with_the_token_that_completes_it(untagged, new):
  text = "Ja.\n\n日本語 END of it"
  ids = np.array(untagged.encode(text))
  halt = prompts.stop_at(untagged, ("本語", "D of"))
  ends = [halt(ids[:n], min(n, new)) for n in range(1, len(ids) + 1)]
  first = next(end for end in ends if end is not None)
  assert "本語" in untagged.decode(ids[:first].tolist())
  assert "本語" not in untagged.decode(ids[: first - 1].tolist())
  assert prompts.stop_at(untagged, ()) is None
