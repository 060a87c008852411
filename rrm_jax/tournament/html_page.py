"""A tournament as one HTML file that needs no network: `report.html`.

Beside its style and script (`html/`) the page holds three kinds of data:

  report-data    the object of `report.json`
  index-data     a row for each prompt, in the order of `results`: `query` (the
                 beginning of it, for the list and the search) and `tags`, what
                 may be filtered by: "wrong winner", "nothing correct", "cycle",
                 "flips" (two verdicts on one sample in both orders), "invalid",
                 "undecided" (a match that neither won)
  prompt-data-N  JSON of prompt N, from 0, gzipped, in base64: `conversation`
                 ([role, content] for each turn), `candidates`, `correct` and
                 `matches`: rows of `matches.jsonl` whose games also hold the
                 judgement: `invalid`, `finish`, `prompt_tokens`,
                 `thinking_tokens`, `completion_tokens` and `text`

A prompt is unpacked when it is opened, so that a page of any size opens at
once. Nothing is left out: the page grows with what the judge wrote.
"""

import base64
import gzip
import hashlib
import importlib.resources
import json
from collections.abc import Mapping, Sequence

import jinja2
import markupsafe

from rrm_jax.records import Candidates, Judgement, Match
from rrm_jax.tournament import cycles, posterior, ratings, report
from rrm_jax.tournament.contests import Contest
from rrm_jax.tournament.run import Outcome

_QUERY = 300  # characters of it in the list

# Who is found by a game: the comparison's uid, sample id and order.
_Said = Mapping[tuple[str, int, bool], Judgement]


def render(
  made: Mapping, groups: Sequence[Candidates], outcome: Outcome
) -> str:
  """The page.

  Args:
    made: The object of `report.json`, of these prompts in this order; `name`,
      `model`, `weights`, `simulated`, `config` and `files` may be missing.
    groups: The prompts.
    outcome: What was played.

  Raises:
    ValueError: the report is of other prompts, or holds a number that JSON
      has no word for.
  """
  ids = [row["id"] for row in made["results"]]
  if ids != [group.uid for group in groups]:
    raise ValueError(
      "the report's results are not of these prompts in this order; make it "
      "with report.figures of the same groups"
    )
  said = {(j.uid, j.sample_id, j.swapped): j for j in outcome.judgements}
  style, script = _file("report.css"), _file("report.js")
  environment = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
  )
  environment.policies["json.dumps_kwargs"] = {
    "allow_nan": False,
    "separators": (",", ":"),
  }
  return environment.from_string(_file("report.html")).render(
    title=f"Tournament: {made.get('name', '')}".removesuffix(": "),
    style=markupsafe.Markup(style),
    script=markupsafe.Markup(script),
    hashes={"style": _hash(style), "script": _hash(script)},
    report=made,
    index=[
      {
        "query": group.conversation[-1].content[:_QUERY],
        "tags": _tags(group, outcome.contests[group.uid], row["correct"]),
      }
      for group, row in zip(groups, made["results"], strict=True)
    ],
    prompts=[
      _packed(_prompt(group, outcome.contests[group.uid], said))
      for group in groups
    ],
  )


def unpacked(packed: str) -> dict:
  """The inverse of what is done to a prompt's data."""
  return json.loads(gzip.decompress(base64.b64decode(packed)))


def _packed(data: Mapping) -> str:
  text = json.dumps(data, separators=(",", ":")).encode()
  return base64.b64encode(gzip.compress(text, mtime=0)).decode()


def _prompt(group: Candidates, contest: Contest, said: _Said) -> dict:
  return {
    "conversation": [list(message) for message in group.conversation],
    "candidates": list(group.responses),
    "correct": None if group.correct is None else list(group.correct),
    "matches": [_match(match, said) for match in contest.matches],
  }


def _match(match: Match, said: _Said) -> dict:
  row = report.match_row(match)
  for game in row["games"]:
    key = match.comparison_uid, game["sample_id"], game["swapped"]
    judgement = said[key]
    game |= {
      "invalid": judgement.verdict.invalid,
      "finish": judgement.finish,
      "prompt_tokens": judgement.prompt_tokens,
      "thinking_tokens": judgement.thinking_tokens,
      "completion_tokens": judgement.completion_tokens,
      "text": judgement.text,
    }
  return row


def _tags(
  group: Candidates, contest: Contest, correct: bool | None
) -> list[str]:
  """What a person may want to find this prompt by."""
  table = posterior.wins(
    ratings.outcomes(contest.matches), len(group.responses)
  )
  games = [game for match in contest.matches for game in match.games]
  nothing = group.correct is not None and not any(group.correct)
  tags = {
    "wrong winner": correct is False and not nothing,
    "nothing correct": nothing,
    "cycle": cycles.triples(table)[0] > 0,
    "flips": _flips(contest),
    "invalid": not all(game.valid for game in games),
    "undecided": any(match.winner is None for match in contest.matches),
  }
  return [tag for tag, holds in tags.items() if holds]


def _flips(contest: Contest) -> bool:
  winners: dict[tuple[str, int], set[int | None]] = {}
  for match in contest.matches:
    for game in match.games:
      if game.valid:
        key = match.comparison_uid, game.sample_id
        winners.setdefault(key, set()).add(game.winner)
  return any(len(some) > 1 for some in winners.values())


def _file(name: str) -> str:
  folder = importlib.resources.files("rrm_jax.tournament")
  return folder.joinpath("html", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
  """What a content security policy names an inline style or script by."""
  digest = hashlib.sha256(text.encode()).digest()
  return f"sha256-{base64.b64encode(digest).decode()}"
