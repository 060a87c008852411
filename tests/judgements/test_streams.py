import pytest

from rrm_jax.judgements.cache import Cache
from rrm_jax.judgements.streams import cached, gathered
from tests.judgements.judging import IDENTITY, answer, question, stream

QUESTIONS = [question(i, vote) for i in range(4) for vote in range(2)]


def unordered(questions):
  return sorted(questions, key=repr)


def test_answers_come_in_the_order_of_questions():
  assert gathered(stream(3))(QUESTIONS) == list(map(answer, QUESTIONS))
  assert gathered(stream())([]) == []


def test_only_what_is_missing_is_asked(tmp_path):
  asked = []
  with Cache(tmp_path) as cache:
    judge = gathered(cached(stream(tell=asked.append), cache, IDENTITY))
    assert judge(QUESTIONS[2:5]) == list(map(answer, QUESTIONS[2:5]))
    assert len(asked) == 3
    assert judge(QUESTIONS) == list(map(answer, QUESTIONS))
    assert unordered(asked) == unordered(QUESTIONS)
    assert judge(QUESTIONS) == list(map(answer, QUESTIONS))
    assert judge([]) == []
  assert len(asked) == len(QUESTIONS)


def test_a_question_asked_twice_is_put_once(tmp_path):
  asked = []
  with Cache(tmp_path) as cache:
    judge = gathered(cached(stream(tell=asked.append), cache, IDENTITY))
    twice = [QUESTIONS[0], QUESTIONS[3], QUESTIONS[0]]
    assert judge(twice) == list(map(answer, twice))
  assert len(asked) == 2


def test_the_samples_of_two_uids_are_two(tmp_path):
  asked = []
  with Cache(tmp_path) as cache:
    judge = gathered(cached(stream(tell=asked.append), cache, IDENTITY))
    same = [question(1, uid="a"), question(1, uid="b")]
    assert [made.uid for made in judge(same)] == ["a", "b"]
  assert len(asked) == 2


def test_an_interrupted_run_goes_on(tmp_path):
  asked = []

  def until_third(one):
    if len(asked) == 3:
      raise KeyboardInterrupt
    asked.append(one)

  with pytest.raises(KeyboardInterrupt), Cache(tmp_path) as cache:
    gathered(cached(stream(1, until_third), cache, IDENTITY))(QUESTIONS)
  again = []
  with Cache(tmp_path) as cache:
    judge = gathered(cached(stream(2, again.append), cache, IDENTITY))
    assert judge(QUESTIONS) == list(map(answer, QUESTIONS))
  assert len(asked) == 3
  assert unordered(asked + again) == unordered(QUESTIONS)


def test_another_judge_finds_nothing(tmp_path):
  asked = []
  other = {**IDENTITY, "weights": "v"}
  with Cache(tmp_path) as cache:
    gathered(cached(stream(), cache, IDENTITY))(QUESTIONS)
    judge = gathered(cached(stream(tell=asked.append), cache, other))
    assert judge(QUESTIONS) == list(map(answer, QUESTIONS))
  assert len(asked) == len(QUESTIONS)


def test_two_at_the_same_time_see_what_the_other_has_written(tmp_path):
  asked = []
  with Cache(tmp_path) as one, Cache(tmp_path) as other:
    gathered(cached(stream(), one, IDENTITY))(QUESTIONS[:5])
    judge = gathered(cached(stream(tell=asked.append), other, IDENTITY))
    assert judge(QUESTIONS) == list(map(answer, QUESTIONS))
  assert unordered(asked) == unordered(QUESTIONS[5:])


def test_figures_pass_through(tmp_path):
  with Cache(tmp_path) as cache:
    judge = cached(stream(8), cache, IDENTITY)
    (first,) = judge(QUESTIONS[:2])
    known, made = judge(QUESTIONS)
  assert first.figures == made.figures == {"speed": 1.0}
  assert known.figures == {} and set(known.made) == {0, 1}
