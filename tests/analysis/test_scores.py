import dataclasses

import numpy as np
import pytest

from rrm_jax.analysis import scores

from .judged import ballots, comparison, judgement


def test_a_mapping_is_taken_as_it_is():
  known = {"a": comparison("a")}
  assert scores.by_uid(known) is known
  assert scores.by_uid(list(known.values())) == known


def test_shared_uid_names_both_places():
  first = dataclasses.replace(comparison("a"), source="x.jsonl:1")
  second = dataclasses.replace(comparison("a"), source="x.jsonl:9")
  with pytest.raises(ValueError, match=r"'a' \(x.jsonl:1 and x.jsonl:9\)"):
    scores.by_uid([first, second])


def test_unknown_uid():
  with pytest.raises(ValueError, match="uid 'b', which is none of the 1 "):
    scores.grouped([judgement("b")], {"a": comparison("a")})


def test_repeated_judgement():
  twice = [judgement("a", 1, 3), judgement("a", 2, 3)]
  with pytest.raises(ValueError, match="sample_id=3 and swapped=False"):
    scores.grouped(twice, {"a": comparison("a")})


def test_both_orders_are_two_judgements():
  both = [judgement("a", 1), judgement("a", 1, swapped=True)]
  assert scores.grouped(both, {"a": comparison("a")}) == {"a": both}


def test_no_judgements():
  with pytest.raises(ValueError, match="no judgements"):
    scores.grouped([], {"a": comparison("a")})


def test_means_leave_out_what_has_no_label():
  known = {
    "a": comparison("a", 1),
    "b": comparison("b", None),
    "c": comparison("c", 2),
  }
  judgements = (
    ballots("a", [1, 1, 2, None]) + ballots("b", [1]) + ballots("c", [2])
  )
  found = scores.means(scores.grouped(judgements, known), known, 0.5)
  np.testing.assert_allclose(found, [0.625, 1.0])


def test_interval_of_nothing():
  nothing = {"accuracy": None, "low": None, "high": None}
  assert scores.interval(np.zeros(0)) == nothing
