"""Comparisons to judgements, with a small random model."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from rrm_jax import config, judge, prompts, sharding, voting
from rrm_jax.data import arithmetic
from rrm_jax.judge import Judge
from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import cached, gathered
from rrm_jax.records import Finish
from rrm_jax.rl import train_state
from rrm_jax.sampling import budget, engine
from rrm_jax.sampling.completions import Completion
from rrm_jax.text import closed_vocabulary
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
  params = train_state.init_params(jax.random.key(3), model, layout)
  return Judge(
    engine.prepared(params, cfg=model, layout=layout),
    model,
    tokenizers.arithmetic(),
    TEMPLATE,
    config.Sampling(max_new_tokens=10),
    layout,
    limits=config.Engine(slots=16),
  )


def test_judgements_do_not_depend_on_their_company(random_judge):
  questions = voting.questions(COMPARISONS, 2)
  every = random_judge(questions)
  few = random_judge(voting.questions(COMPARISONS[7:2:-1], 2))
  known = {(j.uid, j.sample_id): j for j in every}
  assert len(every) == 24 and len(few) == 10
  assert all(known[j.uid, j.sample_id] == j for j in few)
  wide = dataclasses.replace(random_judge, limits=config.Engine(slots=64))
  assert wide(questions) == every


def test_both_orders_show_the_same_two_answers(random_judge):
  asked = random_judge.asked(voting.questions(COMPARISONS[:1], order="both"))
  made = [item for item, _ in asked]
  texts = [random_judge.tokenizer.decode(r.tokens) for r in made]
  first, second = COMPARISONS[0].responses
  assert [r.swapped for r in made] == [False, True]
  assert f"A1:{first} A2:{second}" in texts[0]
  assert f"A1:{second} A2:{first}" in texts[1]
  assert made[0].prompt_id != made[1].prompt_id


def test_a_budget_forces_a_verdict_in_the_data_order(random_judge):
  forced = dataclasses.replace(
    random_judge,
    sampling=config.Sampling(max_new_tokens=10, thinking_budget=2),
  )
  made = forced(voting.questions(COMPARISONS, order="both"))
  cut = [j for j in made if j.finish is Finish.BUDGET]
  assert cut
  for judgement in cut:
    assert judgement.thinking_tokens == 2
    shown = 1 if "Assistant 1" in judgement.text.split("\\boxed{")[-1] else 2
    expected = 3 - shown if judgement.swapped else shown
    assert judgement.verdict.winner == expected


def test_a_script_that_does_not_fit_is_an_error():
  script = prompts.script(tokenizers.arithmetic(), TEMPLATE)
  fits = config.Sampling(max_new_tokens=9, thinking_budget=4)
  assert prompts.thinking_limit(fits, script) == 4
  with pytest.raises(ValueError, match="raise it to 10"):
    prompts.thinking_limit(dataclasses.replace(fits, thinking_budget=5), script)
  free = dataclasses.replace(fits, thinking_budget=-1)
  assert prompts.thinking_limit(free, script) == budget.UNLIMITED


def test_read_counts_what_the_model_wrote():
  tokenizer = tokenizers.arithmetic()
  prompt = prompts.prompt(COMPARISONS[0], False, tokenizer, TEMPLATE)
  said = tokenizer.encode(" 3 4 </think> \\boxed{Assistant 2}")
  said.append(tokenizer.stop_ids[0])
  completion = Completion(
    np.array(said), np.zeros(len(said)), np.zeros(len(said), bool), True
  )
  (judgement,) = judge.read([(prompt, 0)], [completion], tokenizer, TEMPLATE)
  assert judgement.verdict.winner == 2
  assert judgement.thinking_tokens == 2
  assert judgement.completion_tokens == len(said)
  assert judgement.prompt_tokens == len(prompt.tokens)
  assert judgement.finish is Finish.STOPPED
  assert judgement.text == " 3 4 </think> \\boxed{Assistant 2}"


def test_a_judge_stops_at_its_stop_text(random_judge):
  questions = voting.questions(COMPARISONS)
  free = random_judge(questions)
  texts = (" yes", " no", " 3", " 5")
  stopping = dataclasses.replace(
    random_judge,
    sampling=dataclasses.replace(random_judge.sampling, stop=texts),
  )
  cut = 0
  for one, other in zip(stopping(questions), free, strict=True):
    ends = [other.text.find(t) + len(t) for t in texts if t in other.text]
    assert one.text == other.text[: min(ends, default=len(other.text))]
    cut += bool(ends)
  assert cut > 3


def test_a_comparison_in_one_line(random_judge):
  """As in a notebook; an answer without verdict is no vote."""
  first, second = COMPARISONS[0].responses
  query = COMPARISONS[0].query
  forced = dataclasses.replace(
    random_judge,
    sampling=config.Sampling(max_new_tokens=10, thinking_budget=0),
  )
  said = forced.compare(query, first, second, votes=7)
  assert sum(said.votes) == 7 and said.invalid == 0
  assert said.winner == (1 if said.votes[0] > said.votes[1] else 2)
  assert {made.swapped for made in said.judgements} == {False, True}
  assert forced.compare(query, first, second, votes=7) == said
  few = forced.compare(query, first, second, votes=3)
  assert few.judgements == said.judgements[:3]
  cut = dataclasses.replace(
    random_judge, sampling=config.Sampling(max_new_tokens=1)
  )
  nobody = cut.compare(query, first, second, votes=3)
  assert (nobody.winner, nobody.votes, nobody.invalid) == (None, (0, 0), 3)
  shared = cut.compare(query, first, second, votes=3, invalid="draw")
  assert (shared.winner, shared.votes) == (None, (1.5, 1.5))
  assert cut.compare(query, first, second, 3, invalid="coin").winner in (1, 2)


def test_many_comparisons_are_decided_at_once(random_judge, capsys):
  decided = random_judge.decide(COMPARISONS, votes=3, order="both")
  assert "judging 72/72" in capsys.readouterr().err
  asked = voting.questions(COMPARISONS, 3, "both")
  said = random_judge(asked)
  assert [made for one in decided for made in one.judgements] == said
  assert [len(one.judgements) for one in decided] == 12 * [6]
  assert [one.judgements[0].uid for one in decided] == [
    comparison.uid for comparison in COMPARISONS
  ]


def test_nothing_to_judge(random_judge):
  assert random_judge([]) == [] == random_judge.decide([])


def test_batches_name_their_questions(random_judge):
  questions = voting.questions(COMPARISONS, 2, "both")
  made = {}
  for batch in random_judge.stream(questions):
    assert not made.keys() & batch.made.keys()
    assert {"tokens/s", "busy"} <= batch.figures.keys()
    made |= batch.made
  assert made.keys() == set(range(len(questions)))
  for number, asked in enumerate(questions):
    judgement = made[number]
    assert (judgement.uid, judgement.sample_id, judgement.swapped) == (
      asked.comparison.uid, asked.sample_id, asked.swapped,
    )  # fmt: skip


def test_what_a_judgement_hangs_on_is_in_the_identity(random_judge):
  with jax.transfer_guard("disallow"):
    here = random_judge.identity
  assert json.loads(json.dumps(here)) == here

  def varied(**fields):
    return dataclasses.replace(random_judge, **fields).identity

  model = random_judge.cfg
  other = jax.tree.map(lambda x: x + 1, random_judge.params)
  closed = closed_vocabulary.backend(("a", "<|end|>"), {"<|end|>"})
  others = [
    varied(params=other),
    varied(cfg=dataclasses.replace(model, rope_theta=7.0)),
    varied(tokenizer=tokenizers.Tokenizer(closed, "", (1,), 1)),
    varied(template=dataclasses.replace(TEMPLATE, thinking=False)),
    varied(template=dataclasses.replace(TEMPLATE, tagged=False)),
    varied(template=config.Template()),
    varied(sampling=config.Sampling(max_new_tokens=11)),
    varied(sampling=config.Sampling(max_new_tokens=10, thinking_budget=2)),
    varied(sampling=config.Sampling(max_new_tokens=10, stop=("x",))),
    varied(limits=config.Engine(kv_cache="int8")),
    varied(seed=1),
  ]
  names = {rows.digest(one) for one in [here, *others]}
  assert len(names) == len(others) + 1
  # What the laws make no difference of.
  layout = sharding.layout(config.Mesh(data=2, fsdp=2, tensor=2))
  params = jax.device_get(random_judge.params)
  axes = jax.tree.map(lambda x: layout.replicated, params)
  for same in (
    varied(limits=config.Engine(slots=3, columns=5, weights="training")),
    varied(cfg=dataclasses.replace(model, remat="full")),
    varied(params=sharding.put(params, axes), layout=layout),
  ):
    assert same == here


def test_a_judge_with_a_cache_asks_only_once(random_judge, tmp_path):
  questions = voting.questions(COMPARISONS, 2, "both")
  plain = random_judge(questions)
  with Cache(tmp_path) as cache:
    stream = judge.watched(
      cached(random_judge.stream, cache, random_judge.identity), "judging"
    )
    assert gathered(stream)(questions[:9]) == plain[:9]
    assert gathered(stream)(questions) == plain
    assert len(cache) == len(questions)

  def nobody(asked):
    raise AssertionError(asked)

  with Cache(tmp_path) as cache:
    again = gathered(cached(nobody, cache, random_judge.identity))
    assert again(questions) == plain
