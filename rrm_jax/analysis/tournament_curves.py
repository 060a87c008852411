"""The curves of several tournaments on the same prompts, side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


def read(folders: Sequence[str]) -> dict[str, dict]:
  """The reports in outputs of `launch.tournament`, by folder.

  Raises:
    ValueError: a folder holds none.
  """
  return {folder: _read(Path(folder) / "report.json") for folder in folders}


def curves(made: Mapping, others: Mapping[str, Mapping]) -> dict[str, list]:
  """What each judgement bought, by strategy.

  Args:
    made: A report, as `tournament.report.figures` gives it.
    others: Reports on the same prompts to put beside it, by what errors call
      them.

  Returns:
    Points as in `best_of.curve`, by the strategy's name, which says how many
    games a match had where there were several; `made` is the first. Nothing
    where nothing is known to be correct.

  Raises:
    ValueError: one is of other prompts, or of a strategy that is there already.
  """
  found: dict[str, list] = {}
  for source, report in {"": made, **others}.items():
    if _prompts(report) != _prompts(made):
      raise ValueError(
        f"{source} is of other prompts: {len(report['results'])} of "
        f"{report['name']}, not the {len(made['results'])} of this tournament"
      )
    name = _name(report)
    if name in found:
      raise ValueError(f"{source} is another {name}; leave it out")
    if report["best_of"] is not None:
      found[name] = report["best_of"]["curve"]
  return found


def _name(made: Mapping) -> str:
  schedule = made["schedule"]
  games = f", {schedule['games']} games" if schedule["games"] > 1 else ""
  return f"{schedule['strategy'].replace('_', ' ')}{games}"


def _prompts(made: Mapping) -> list:
  return [(row["id"], len(row["ratings"])) for row in made["results"]]


def _read(path: Path) -> dict:
  try:
    made = json.loads(path.read_text())
  except OSError as error:
    raise ValueError(
      f"{path} cannot be read ({error.strerror}); give an output of "
      "launch.tournament"
    ) from None
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}") from None
  if not isinstance(made, dict) or "schedule" not in made:
    raise ValueError(f"{path} is no report of launch.tournament")
  return made
