"""A judge's report card: every score of a run, row by row."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from rrm_jax.benchmarks import outcomes, protocol
from rrm_jax.benchmarks.outcomes import Outcome

FIELDS = (
  "data",
  "rule",
  "invalid_rule",
  "votes",
  "name",
  "accuracy",
  "low",
  "high",
  "counted",
)
OVERALL = "overall"
MEASURE = "further measure"


def scores(
  name: str,
  judged: Iterable[Outcome],
  votes: int,
  *,
  both: bool,
  invalid: float,
) -> dict:
  """A run by a benchmark's rule, one vote at a time and by their majority.

  Args:
    name: Of the benchmark.
    judged: All that was said.
    votes: How many there are on each comparison, in each order or in all.
    both: Whether each vote was asked for in both orders. If not, the orders
      are mixed, and votes in either are of one election.
    invalid: What a missing verdict is worth in the honest score.

  Returns:
    `benchmark`: what `protocol.report` gives; `voted`: of the majorities, None
    where there is one vote.

  Raises:
    ValueError: as `protocol.report`.
  """
  judged = list(judged)
  if not both:
    judged = outcomes.one_election(judged)
  voted = outcomes.voted(judged)
  return {
    "benchmark": protocol.report(name, judged, invalid),
    "voted": protocol.report(name, voted, invalid) if votes > 1 else None,
  }


def rows(report: Mapping) -> list[dict]:
  """Every score of a run's report: a row for each part and rule.

  Args:
    report: With `name`, `samples`, `invalid_score`; `benchmark` and `voted` as
      `scores` gives them, or None; and, for what is no benchmark, the figures
      of `analysis.accuracy.summary`.

  Returns:
    Rows with `FIELDS`.
  """
  found = []
  for key, votes in (("benchmark", 1), ("voted", report["samples"])):
    if report[key] is not None:
      found += _of_rules(report[key], votes, report["invalid_score"])
  if not found:
    found = _of_summary(report)
  return [{"data": report["name"], **row} for row in found]


def measures(report: Mapping) -> list[dict]:
  """A benchmark's own further measures, as rows whose `accuracy` they are.

  Args:
    report: As in `rows`.
  """
  return [
    {
      "data": report["name"],
      "rule": MEASURE,
      "votes": votes,
      "name": name,
      "accuracy": value,
    }
    for key, votes in (("benchmark", 1), ("voted", report["samples"]))
    if report[key] is not None
    for name, value in _flat(report[key]["details"])
  ]


def as_csv(rows: Iterable[Mapping]) -> str:
  """Rows as a CSV file with a head."""
  file = io.StringIO()
  writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  return file.getvalue()


def _flat(details: Mapping, within: str = "") -> Iterator[tuple[str, float]]:
  for name, value in details.items():
    if isinstance(value, Mapping):
      yield from _flat(value, f"{within}{name}: ")
    elif value is not None:
      yield within + name, value


def _of_rules(scored: Mapping, votes: int, invalid: float) -> list[dict]:
  found = []
  rule = "our rule" if scored["ours"] else "published"
  for row in scored["published"]:
    found += _of_score(row, rule, row["invalid_rule"], votes)
  if scored["both_orders"] is not None:
    worth = f"a missing verdict is {invalid:g}"
    found += _of_score(scored["both_orders"], "both orders", worth, votes)
  return found


def _of_score(score: Mapping, rule: str, invalid: str, votes: int) -> list:
  whole = {
    "name": OVERALL,
    "accuracy": score["overall"],
    "low": score["low"],
    "high": score["high"],
    "counted": score["counted"],
  }
  head = {"rule": rule, "invalid_rule": invalid, "votes": votes}
  return [head | part for part in [whole, *score["parts"]]]


def _of_summary(report: Mapping) -> list[dict]:
  head = {
    "rule": "mean over judgements",
    "invalid_rule": f"a missing verdict is {report['invalid_score']:g}",
    "votes": 1,
  }
  named = [row for row in report["subsets"] if row["subset"]]
  parts = [
    {**report, "name": OVERALL},
    *({**row, "name": row["subset"]} for row in named),
  ]
  return [
    {
      **head,
      **{key: part[key] for key in ("name", "accuracy", "low", "high")},
      "counted": part["comparisons"] - part["unlabelled"],
    }
    for part in parts
  ]
