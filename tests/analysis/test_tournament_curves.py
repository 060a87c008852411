import json

import pytest

from rrm_jax.analysis import tournament_curves


def report(strategy="knockout", games=1, ids=("p", "q"), known=True):
  curve = [{"judgements": games, "accuracy": 0.5, "low": 0.4, "high": 0.6}]
  return {
    "name": "some.jsonl",
    "schedule": {"strategy": strategy, "games": games},
    "results": [{"id": uid, "ratings": [0.0, 1.0]} for uid in ids],
    "best_of": {"curve": curve} if known else None,
  }


def test_each_has_a_name_of_its_own():
  made = report()
  others = {"a": report("round_robin"), "b": report(games=3)}
  found = tournament_curves.curves(made, others)
  assert list(found) == ["knockout", "round robin", "knockout, 3 games"]
  assert found["knockout, 3 games"][0]["judgements"] == 3


def test_nothing_where_nothing_is_known_to_be_correct():
  assert tournament_curves.curves(report(known=False), {}) == {}


@pytest.mark.parametrize(
  ("other", "message"),
  [
    (report(), "a is another knockout; leave it out"),
    (
      report("swiss", ids=("p",)),
      "a is of other prompts: 1 of some.jsonl, not",
    ),
    (report("swiss", ids=("q", "p")), "a is of other prompts"),
  ],
)
def test_what_cannot_stand_beside_it(other, message):
  with pytest.raises(ValueError, match=message):
    tournament_curves.curves(report(), {"a": other})


def test_reports_are_read(tmp_path):
  path = tmp_path / "report.json"
  with pytest.raises(ValueError, match=r"report.json cannot be read \(No such"):
    tournament_curves.read([str(tmp_path)])
  path.write_text("{")
  with pytest.raises(ValueError, match="is no JSON"):
    tournament_curves.read([str(tmp_path)])
  path.write_text("{}")
  with pytest.raises(ValueError, match="is no report of"):
    tournament_curves.read([str(tmp_path)])
  path.write_text(json.dumps(report()))
  assert tournament_curves.read([str(tmp_path)]) == {str(tmp_path): report()}
