"""Comparisons to judgements, with a small random model."""

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax import config, judge, sharding
from rrm_jax.data import arithmetic
from rrm_jax.judge import Judge, bucket
from rrm_jax.records import Finish
from rrm_jax.rl import learner
from rrm_jax.sampling import budget
from rrm_jax.text import closed_vocabulary, templates
from rrm_jax.text import tokenizer as tokenizers
from tests import small_job

TEMPLATE = config.Template(name="arithmetic")
TASK = config.Data(max_terms=4)
COMPARISONS = [arithmetic.comparison(TASK, 0, "train", i) for i in range(12)]


@pytest.fixture(scope="module")
def random_judge():
  """Untrained, so that all kinds of nonsense are said."""
  model = config.from_mapping(config.Model, small_job.mapping()["model"])
  layout = sharding.layout(config.Mesh(data=8, fsdp=1))
  return Judge(
    learner.init_params(jax.random.key(3), model, layout),
    model,
    tokenizers.arithmetic(),
    TEMPLATE,
    config.Sampling(max_new_tokens=10),
    layout,
    batch_rows=16,
  )


@given(st.integers(1, 20_000))
def test_buckets_hold_with_little_waste(length):
  columns = bucket(length)
  assert length <= columns <= 1.25 * length
  assert bucket(columns) == columns


def test_buckets_are_few():
  assert len({bucket(n) for n in range(1, 8193)}) == 48


def test_fillers_do_nothing():
  made = [
    judge.request(c, False, tokenizers.arithmetic(), TEMPLATE)
    for c in COMPARISONS[:3]
  ]
  prompts = judge.encode(made, rows=5, columns=10)
  assert prompts.tokens.shape == (5, 10)
  assert prompts.active.tolist() == [True] * 3 + [False] * 2
  assert prompts.length.tolist() == [8, 8, 8, 1, 1]
  assert len(set(prompts.prompt_id[:3].tolist())) == 3


def test_judgements_do_not_depend_on_their_company(random_judge):
  every = random_judge(COMPARISONS, samples=2)
  few = random_judge(COMPARISONS[7:2:-1], samples=2)
  known = {(j.uid, j.sample_id): j for j in every}
  assert len(every) == 24 and len(few) == 10
  assert all(known[j.uid, j.sample_id] == j for j in few)
  wide = dataclasses.replace(random_judge, batch_rows=64)
  assert sorted(map(repr, wide(COMPARISONS, samples=2))) == sorted(
    map(repr, every)
  )


def test_both_orders_show_the_same_two_answers(random_judge):
  made = random_judge.requests(COMPARISONS[:1], "both")
  texts = [random_judge.tokenizer.decode(r.tokens) for r in made]
  first, second = COMPARISONS[0].responses
  assert [r.swapped for r in made] == [False, True]
  assert f"A1:{first} A2:{second}" in texts[0]
  assert f"A1:{second} A2:{first}" in texts[1]
  assert made[0].prompt_id != made[1].prompt_id


def test_hashed_order_follows_the_uid(random_judge):
  made = random_judge.requests(COMPARISONS, "hashed")
  assert [r.swapped for r in made] == [
    templates.shown_swapped(c.uid, random_judge.seed) for c in COMPARISONS
  ]
  assert {r.swapped for r in made} == {False, True}


def test_a_budget_forces_a_verdict_in_the_data_order(random_judge):
  forced = dataclasses.replace(
    random_judge,
    sampling=config.Sampling(max_new_tokens=10, thinking_budget=2),
  )
  made = forced(COMPARISONS, order="both")
  cut = [j for j in made if j.finish is Finish.BUDGET]
  assert cut
  for judgement in cut:
    assert judgement.thinking_tokens == 2
    shown = 1 if "Assistant 1" in judgement.text.split("\\boxed{")[-1] else 2
    expected = 3 - shown if judgement.swapped else shown
    assert judgement.verdict.winner == expected


def test_a_script_that_does_not_fit_is_an_error():
  script = judge.script(tokenizers.arithmetic(), TEMPLATE)
  fits = config.Sampling(max_new_tokens=9, thinking_budget=4)
  assert judge.thinking_limit(fits, script) == 4
  with pytest.raises(ValueError, match="raise it to 10"):
    judge.thinking_limit(dataclasses.replace(fits, thinking_budget=5), script)
  free = dataclasses.replace(fits, thinking_budget=-1)
  assert judge.thinking_limit(free, script) == budget.UNLIMITED


def test_read_counts_what_the_model_wrote():
  tokenizer = tokenizers.arithmetic()
  request = judge.request(COMPARISONS[0], False, tokenizer, TEMPLATE)
  said = tokenizer.encode(" 3 4 </think> \\boxed{Assistant 2}")
  said.append(tokenizer.stop_ids[0])
  row = [*request.tokens, *said]
  start, end = len(request.tokens), len(row)
  columns = np.arange(end + 4)
  rollout = judge.Rollout(
    tokens=np.array([row + [0] * 4], np.int32),
    prompt_length=np.array([start]),
    length=np.array([end]),
    logprobs=np.zeros((1, end + 4), np.float32),
    sampled=((columns >= start) & (columns < end))[None],
    forced=np.zeros((1, end + 4), bool),
    stopped=np.array([True]),
  )
  (judgement,) = judge.read([request], rollout, 1, tokenizer, TEMPLATE)
  assert judgement.verdict.winner == 2
  assert judgement.thinking_tokens == 2
  assert judgement.completion_tokens == len(said)
  assert judgement.prompt_tokens == start
  assert judgement.finish is Finish.STOPPED
  assert judgement.text == " 3 4 </think> \\boxed{Assistant 2}"


@pytest.fixture
def untagged(shared_data):
  """Qwen2.5's tokenizer, which has no token `</think>`."""
  return tokenizers.load(f"{shared_data}/tokenizers/qwen2#qwen2.5")


def test_no_tag_no_finite_budget(untagged):
  script = judge.script(untagged, config.Template())
  assert script.closing_tag == -1
  assert script.stop.tolist() == [151_645, 151_643]
  free = config.Sampling(max_new_tokens=64)
  assert judge.thinking_limit(free, script) == budget.UNLIMITED
  finite = dataclasses.replace(free, thinking_budget=8)
  with pytest.raises(ValueError, match=r"=8 needs a tokenizer .* Set it to -1"):
    judge.thinking_limit(finite, script)


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
  row = judge.Request(COMPARISONS[0], False, [16])
  columns = len(ids) + 1
  rollout = judge.Rollout(
    tokens=np.array([[16, *ids]], np.int32),
    prompt_length=np.array([1]),
    length=np.array([columns]),
    logprobs=np.zeros((1, columns), np.float32),
    sampled=np.arange(columns)[None] > 0,
    forced=np.zeros((1, columns), bool),
    stopped=np.array([True]),
  )
  (read,) = judge.read([row], rollout, 1, untagged, template)
  assert read.thinking_tokens == length
  assert read.text == text
  assert read.verdict.winner is not None


def test_verdicts_must_differ_in_one_token():
  pieces = ("\n", "</think>", "\\boxed{Assistant ", "1}", "2", "}", "<|end|>")
  backend = closed_vocabulary.backend(pieces, {"<|end|>"})
  tokenizer = tokenizers.Tokenizer(backend, "", (6,), 6)
  with pytest.raises(ValueError, match=r"\[0, 1, 0, 0, 2, 3\] and .*one$"):
    judge.script(tokenizer, config.Template())
