"""Short spellings of comparisons and judgements for the tests here."""

from rrm_jax.records import (
  Comparison,
  Finish,
  Invalid,
  Judgement,
  Message,
  Verdict,
)


def comparison(uid, label=1, subset=""):
  query = (Message("user", f"which is better, {uid}?"),)
  return Comparison(uid, query, ("this", "that"), label, subset)


def judgement(
  uid,
  winner=1,
  sample_id=0,
  *,
  swapped=False,
  thinking=10,
  invalid=Invalid.NO_BOX,
  finish=Finish.STOPPED,
):
  verdict = Verdict(winner, None if winner else invalid)
  return Judgement(
    uid=uid,
    sample_id=sample_id,
    swapped=swapped,
    verdict=verdict,
    text="",
    prompt_tokens=7,
    thinking_tokens=thinking,
    completion_tokens=thinking + 2,
    finish=finish,
  )


def ballots(uid, winners):
  """One judgement for each winner; None is an invalid answer."""
  return [judgement(uid, winner, i) for i, winner in enumerate(winners)]
