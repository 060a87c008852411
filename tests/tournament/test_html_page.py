"""The page as a file: what it holds, and that nothing breaks out of it."""

import configparser
import dataclasses
import html.parser
import json
from pathlib import Path

import pytest

from rrm_jax import config
from rrm_jax.records import Candidates, Message
from rrm_jax.tournament import html_page, report, run, simulated
from tests.tournament.groups import group, ordered

ROOT = Path(__file__).parent.parent.parent
NASTY = (
  "</script><script>broken = 1</script>",
  "<img src=x onerror='broken = 1'><!--<script>",
  '"}];broken=1;//\u2028\u2029 &lt;b&gt; \x00 \ud800 \U0001f600 ]]>',
)


class Parser(html.parser.HTMLParser):
  """The elements of a page, and the texts of those that have an id."""

  def __init__(self, page):
    super().__init__()
    self.tags, self.texts, self.links, self._id = [], {}, [], None
    self.feed(page)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    attributes = dict(attrs)
    self._id = attributes.get("id", tag)
    self.links += [attributes[k] for k in ("src", "href") if k in attributes]
    if tag == "meta" and "http-equiv" in attributes:
      self.texts["policy"] = attributes["content"]

  def handle_data(self, data):
    self.texts[self._id] = self.texts.get(self._id, "") + data


def played(groups, judge, schedule, name="some"):
  """A report and its page."""
  outcome = run.play(groups, judge, schedule)
  made = {
    "name": name,
    **report.figures(groups, outcome, config.Rating(), resamples=10),
  }
  return made, outcome, html_page.render(made, groups, outcome)


def texts(*responses, uid="p"):
  query = Message("user", responses[0])
  return Candidates(uid, (Message("system", "be fair"), query), responses)


def says(judge, text):
  """A judge that writes something else."""
  return lambda questions: [
    dataclasses.replace(answer, text=text) for answer in judge(questions)
  ]


def test_it_holds_the_report_and_all_that_was_said():
  groups = [group(5, "p", (True, False) * 2 + (False,)), group(3, "q")]
  judge = simulated.invalid(simulated.biased(simulated.flat(0.2), 0.3), 0.2)
  schedule = config.Schedule(games=3)
  made, outcome, page = played(groups, says(judge, "so <think>"), schedule)
  parser = Parser(page)
  assert json.loads(parser.texts["report-data"]) == json.loads(json.dumps(made))
  for number, one in enumerate(groups):
    found = html_page.unpacked(parser.texts[f"prompt-data-{number}"])
    assert tuple(found["candidates"]) == one.responses
    assert found["correct"] == (one.correct and list(one.correct))
    assert found["conversation"] == [["user", "which?"]]
    rows = [report.match_from_row(bare(row)) for row in found["matches"]]
    assert tuple(rows) == outcome.contests[one.uid].matches
    said = {(j.uid, j.sample_id, j.swapped): j for j in outcome.judgements}
    for row in found["matches"]:
      for game in row["games"]:
        one_said = said[row["comparison"], game["sample_id"], game["swapped"]]
        assert game["text"] == "so <think>"
        assert game["invalid"] == one_said.verdict.invalid
        assert game["valid"] == (game["invalid"] is None)
        assert game["finish"] == "stopped"
  assert f"prompt-data-{len(groups)}" not in parser.texts


def bare(row):
  """A row of matches.jsonl, without what the page adds to its games."""
  names = ("sample_id", "swapped", "winner", "valid")
  games = [{name: game[name] for name in names} for game in row["games"]]
  return {**row, "games": games}


def test_nothing_that_a_model_wrote_is_read_as_html():
  schedule = config.Schedule("round_robin")
  _, _, page = played(
    [texts(*NASTY, uid=NASTY[0])],
    says(simulated.planted(lambda _: 0.0), NASTY[1]),
    schedule,
    name=NASTY[0],
  )
  _, _, tame = played(
    [texts("a", "b", "c")], simulated.planted(lambda _: 0.0), schedule
  )
  parser = Parser(page)
  assert parser.tags == Parser(tame).tags
  found = html_page.unpacked(parser.texts["prompt-data-0"])
  assert tuple(found["candidates"]) == NASTY
  assert {g["text"] for m in found["matches"] for g in m["games"]} == {NASTY[1]}
  index = json.loads(parser.texts["index-data"])
  assert index[0]["query"] == NASTY[0]
  assert json.loads(parser.texts["report-data"])["name"] == NASTY[0]


def test_it_asks_for_nothing_and_runs_its_own_script_alone():
  _, _, page = played([group(3)], ordered(), config.Schedule())
  parser = Parser(page)
  assert set(parser.links) == {"#prompts", "data:,"}
  policy = parser.texts["policy"]
  assert policy.startswith("default-src 'none'; script-src 'sha256-")
  assert "unsafe" not in policy
  assert "innerHTML" not in page
  again = played([group(3)], ordered(), config.Schedule())[2]
  assert page == again


def tags_of(groups, judge, schedule):
  _, _, page = played(groups, judge, schedule)
  return [row["tags"] for row in json.loads(Parser(page).texts["index-data"])]


def test_tags():
  robin = config.Schedule("round_robin")
  right = [
    group(3, "fine", (False, False, True)),
    group(3, "wrong", (True, False, False)),
    group(3, "none", (False, False, False)),
    group(3, "unknown"),
  ]
  assert tags_of(right, ordered(), robin) == [
    [],
    ["wrong winner"],
    ["nothing correct"],
    [],
  ]
  both = config.Schedule("round_robin", games=2)
  first = simulated.biased(ordered(), 1.0)
  assert tags_of([group(3)], first, both) == [["flips", "undecided"]]
  silent = simulated.invalid(ordered(), 1.0)
  assert tags_of([group(3)], silent, robin) == [["invalid", "undecided"]]

  def circular(questions):
    """0 beats 1, 1 beats 2, 2 beats 0."""
    return [
      dataclasses.replace(
        answer,
        verdict=answer.verdict._replace(
          winner=2 if answer.uid.endswith("0-2") else 1
        ),
      )
      for answer in ordered()(questions)
    ]

  assert tags_of([group(3)], circular, robin) == [["cycle"]]


def test_one_candidate_has_nobody_to_meet():
  same = Candidates("p", (Message("user", "?"),), ("a", "a"))
  made, _, page = played([same], ordered(), config.Schedule())
  found = html_page.unpacked(Parser(page).texts["prompt-data-0"])
  assert found["matches"] == [] and made["results"][0]["equal_to"] == [0, 0]


def test_a_report_of_other_prompts_is_refused():
  groups = [group(3, "p"), group(3, "q")]
  made, outcome, _ = played(groups, ordered(), config.Schedule())
  with pytest.raises(ValueError, match="not of these prompts in this order"):
    html_page.render(made, groups[::-1], outcome)
  with pytest.raises(ValueError, match="not JSON compliant"):
    html_page.render({**made, "name": float("nan")}, groups, outcome)


def test_the_page_s_files_are_installed():
  settings = configparser.ConfigParser()
  settings.read(ROOT / "setup.cfg")
  patterns = settings["options.package_data"]["rrm_jax.tournament"].split()
  folder = ROOT / "rrm_jax" / "tournament"
  named = {path for pattern in patterns for path in folder.glob(pattern)}
  others = {path for path in folder.rglob("*.*") if path.parent.name == "html"}
  assert named == others and len(named) == 3
