"""A study as text."""

import dataclasses

from rrm_jax.analysis import study, study_table

from .judged import comparison, judgement


def report(names, votes=3, *, measured=True):
  known = {
    f"{i}": comparison(f"{i}", 1 + i % 2, f"subset {i % 3}") for i in range(9)
  }
  lengths = dict.fromkeys(known, (20, 30)) if measured else {}
  judges, runs = {}, []
  for place, name in enumerate(names):
    judged = [
      dataclasses.replace(
        judgement(uid, 1 if (int(uid) + vote + place) % 3 else None, vote),
        text="wait, no</think>",
      )
      for uid in known
      for vote in range(votes)
    ]
    runs.append(judged)
    judges[name] = study.figures(judged, known, lengths)
  made = {"judges": judges}
  if len(names) == 2:
    made["compared"] = study.compared(*runs, known)
  made["budgets"] = study.budgets({8: runs[0], 64: runs[-1]}, known)
  return made


def test_says_what_was_measured():
  text = study_table.readable(report(["a judge", "another" * 9]))
  lines = text.splitlines()
  assert max(map(len, lines)) <= 80
  assert text.isascii()
  for title in (
    "Accuracy, % [95% interval]",
    "Accuracy by subset, %",
    "Accuracy of the majority of k votes, %",
    "Accuracy by thinking budget in tokens, %",
    "Thoughts with words of each kind, %",
    "Paired: ",
    "thoughts with reflection",
  ):
    assert title in text


def test_one_judge_is_not_compared():
  text = study_table.readable(report(["mine"], votes=1))
  assert "Paired" not in text
  assert "majority" not in text


def test_older_files_have_no_lengths():
  named = "No lengths of the responses are in the judgements of mine"
  assert named in study_table.readable(report(["mine"], measured=False))
  assert named not in study_table.readable(report(["mine"]))
