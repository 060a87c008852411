"""Two runs of launch.evaluate on the same comparisons, beside each other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rrm_jax.analysis import paired
from rrm_jax.benchmarks import outcomes, protocol
from rrm_jax.benchmarks import paired as benchmark
from rrm_jax.data import public_sets
from rrm_jax.judgements import files


class Run(NamedTuple):
  """What a folder of launch.evaluate holds.

  Attributes:
    report: Its report.json.
    said: Its judgements.jsonl.
  """

  report: Mapping
  said: files.Run


def read(folder: Path) -> Run:
  """Reads a run.

  Raises:
    ValueError: a file is missing or damaged; the message names it.
  """
  path = folder / "report.json"
  try:
    report = json.loads(path.read_text(encoding="utf-8"))
  except OSError as error:
    raise ValueError(
      f"{path}: {error.strerror}; give the --output of a launch.evaluate that "
      "is done"
    ) from None
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}") from None
  if not isinstance(report, dict) or not {"name", "model"} <= set(report):
    raise ValueError(f"{path} is no report of launch.evaluate")
  if "schedule" in report:
    raise ValueError(
      f"{path} is of launch.tournament, whose strategy chose what was judged; "
      "compare tournaments with its --beside"
    )
  return Run(report, files.read(folder / "judgements.jsonl"))


def compare(first: Run, second: Run, invalid: float) -> dict:
  """The second run beside the first, ready for JSON.

  Returns:
    What `analysis.paired.compare` gives; `benchmark`: what
    `benchmarks.paired.compare` gives, None where no rule applies; then
    `unscored` says why.

  Raises:
    ValueError: the runs share no comparison, or disagree on its label.
  """
  one, other = benchmark.common(_outcomes(first.said), _outcomes(second.said))
  scored, why = None, ""
  names = {public_sets.name(run.report["name"]) for run in (first, second)}
  name = names.pop() if len(names) == 1 else ""
  if name.partition("/")[0] in protocol.PROTOCOLS:
    shared = {outcome.uid for outcome in one}
    try:
      protocol.check(name, [first.said.comparisons[uid] for uid in shared])
    except ValueError as error:
      why = str(error)
    else:
      scored = benchmark.compare(name, one, other, invalid)
  return {
    **paired.compare(
      first.said.judgements,
      second.said.judgements,
      first.said.comparisons | second.said.comparisons,
      invalid=invalid,
    ),
    "benchmark": scored,
    "unscored": why,
  }


def _outcomes(said: files.Run) -> list[outcomes.Outcome]:
  """What a judge said; votes in drawn orders are one election, as in reports.

  Where both orders were asked for, each vote was cast in both.
  """
  found = outcomes.of_judgements(said.judgements, said.comparisons)
  votes = {(one.uid, one.sample_id, one.swapped) for one in said.judgements}
  both = all((uid, vote, not order) in votes for uid, vote, order in votes)
  return found if both else outcomes.one_election(found)
