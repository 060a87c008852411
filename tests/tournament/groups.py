"""Prompts and judges for the tests here."""

from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import simulated


def group(count, uid="p", correct=None):
  return Candidates(
    uid,
    (Message("user", "which?"),),
    tuple(f"candidate {place}" for place in range(count)),
    correct,
  )


def place(text):
  return int(text.split()[-1])


def ordered(step=float("inf"), seed=0):
  """Prefers the later candidate; by `step` in log strength per place."""
  if step == float("inf"):
    return simulated.planted(lambda text: float(1e9 * place(text)), seed)
  return simulated.planted(lambda text: step * place(text), seed)
