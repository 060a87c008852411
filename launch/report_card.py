"""What launch.evaluate leaves behind of a judge on one data set."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from launch import judges
from rrm_jax import config, workdir
from rrm_jax.analysis import bias, evaluation, scores_plot, tables
from rrm_jax.benchmarks import card, outcomes, protocol, results
from rrm_jax.data import public_sets
from rrm_jax.records import Comparison, Judgement


class DataSet(NamedTuple):
  """What is judged.

  Attributes:
    spec: As it was asked for.
    benchmark: The name under which `protocol` knows its rule, "" for none.
    sections: Of its score.
    comparisons: All of them.
  """

  spec: str
  benchmark: str
  sections: Sequence[str]
  comparisons: Sequence[Comparison]


def read(spec: str) -> DataSet:
  """Finds a data set, and refuses a benchmark that its rule cannot score.

  Raises:
    ValueError: as `public_sets.resolve` and `protocol.check`.
  """
  comparisons = public_sets.resolve(spec)
  name = public_sets.name(spec)
  if name.partition("/")[0] not in protocol.PROTOCOLS:
    return DataSet(spec, "", (), comparisons)
  sections = protocol.check(name, comparisons)
  return DataSet(spec, name, sections, comparisons)


def joined(found: Sequence[DataSet]) -> list[DataSet]:
  """The same, with a benchmark of parts as one where all of them are there.

  Its score is the mean over its parts, which is what papers print.
  """
  sets = list(found)
  for whole, parts in public_sets.WHOLES.items():
    places = [place for place, one in enumerate(sets) if one.spec in parts]
    if len(places) == len(parts):
      rows = [one for place in places for one in sets[place].comparisons]
      sections = protocol.check(whole, rows)
      sets[places[0]] = DataSet(whole, whole, sections, rows)
      sets = [one for one in sets if one.spec not in parts]
  return sets


def unscored(data: DataSet, fitting: Sequence[Comparison]) -> str:
  """Why the benchmark's rule cannot score what is left; "" if it can.

  A mean over some of its sections would be another number under its name.
  """
  if not data.benchmark:
    return ""
  try:
    left = protocol.check(data.benchmark, fitting)
  except ValueError as error:
    return str(error)
  gone = [section for section in data.sections if section not in left]
  return f"nothing is left of {', '.join(gone)}" if gone else ""


def figures(
  data: DataSet,
  fitting: Sequence[Comparison],
  made: Sequence[Judgement],
  cfg: config.Evaluate,
  judge: judges.Opened,
) -> dict:
  """The report of a run, ready for JSON.

  Args:
    data: What was asked for.
    fitting: What of it was judged.
    made: All judgements of that.
    cfg: How they were made, and what counts.
    judge: Who made them.

  Returns:
    `name`, `seed`, `model`, `weights`, `fingerprint`, `simulated`, `config`,
    `samples`, `invalid_score` (of the honest score);
    what `evaluation.figures` gives;
    `length_bias`: `bias.length`; `tokens`: sums over judgements;
    `left_out`, `left_out_by_subset`: comparisons whose prompts are too long;
    `benchmark`, `voted`: see `card.scores`, None for other data and where the
      rule cannot be applied; then `unscored` says why.
  """
  known = {comparison.uid: comparison for comparison in fitting}
  left_out = [one for one in data.comparisons if one.uid not in known]
  why = unscored(data, fitting)
  scored: dict = {"benchmark": None, "voted": None}
  if data.benchmark and not why:
    scored = card.scores(
      data.benchmark, outcomes.of_judgements(made, known), cfg.samples,
      both=cfg.order == "both", invalid=cfg.invalid,
    )  # fmt: skip
  lengths = {
    one.uid: (len(one.responses[0]), len(one.responses[1])) for one in fitting
  }
  return {
    "name": data.spec,
    "seed": cfg.seed,
    "model": judge.model,
    "weights": judge.weights,
    "fingerprint": judge.fingerprint,
    "simulated": judge.simulated,
    "config": config.to_mapping(cfg),
    "samples": cfg.samples,
    "invalid_score": cfg.invalid,
    **evaluation.figures(made, fitting, cfg),
    "length_bias": bias.length(made, fitting, lengths),
    "tokens": {
      "prompt": sum(one.prompt_tokens for one in made),
      "thinking": sum(one.thinking_tokens for one in made),
      "completion": sum(one.completion_tokens for one in made),
    },
    "left_out": len(left_out),
    "left_out_by_subset": dict(Counter(one.subset for one in left_out)),
    **scored,
    "unscored": why,
  }


def write(report: Mapping, output: Path) -> dict:
  """Writes report.json, report.csv and, where there are labels, accuracy.png.

  Returns:
    The report with `files`.
  """
  names = {
    "report": "report.json",
    "table": "report.csv",
    "judgements": "judgements.jsonl",
  }
  rows = card.rows(report)
  if curves := _curves(rows):
    names["picture"] = "accuracy.png"
    who = f"{report['model']} {report['weights']}".strip()
    title = f"{tables.cut(report['name'], 30)}, {tables.cut(who, 35)}"
    scores_plot.plot(output / names["picture"], curves, title)
  table = card.as_csv([*rows, *card.measures(report)])
  workdir.write_whole(output / names["table"], table)
  whole = {
    **report,
    "files": {what: str(output / name) for what, name in names.items()},
  }
  text = json.dumps(whole, indent=2) + "\n"
  workdir.write_whole(output / names["report"], text)
  return whole


def line(report: Mapping, output: Path) -> results.Line:
  """The report as a line of a table of runs."""
  sampling = report["config"]["sampling"]
  rrm, rm_r1 = (
    report["benchmark"]["published"] if report["benchmark"] else ({}, {})
  )
  honest = (report["benchmark"] or {}).get("both_orders") or {}
  voted: Mapping = {}
  if report["voted"]:
    voted = report["voted"]["both_orders"] or report["voted"]["published"][0]
  return results.Line(
    time=datetime.now(UTC).isoformat(timespec="seconds"),
    data=report["name"],
    model=report["model"],
    weights=report["weights"],
    fingerprint=report["fingerprint"],
    votes=report["samples"],
    order=report["config"]["order"],
    temperature=sampling["temperature"],
    thinking_budget=sampling["thinking_budget"],
    max_new_tokens=sampling["max_new_tokens"],
    seed=report["seed"],
    comparisons=report["comparisons"],
    left_out=report["left_out"],
    published_rrm=rrm.get("overall"),
    published_rm_r1=rm_r1.get("overall"),
    both_orders=honest.get("overall"),
    both_orders_low=honest.get("low"),
    both_orders_high=honest.get("high"),
    voted=voted.get("overall"),
    accuracy=report["accuracy"],
    low=report["low"],
    high=report["high"],
    flip_rate=report["flip_rate"],
    invalid_rate=report["invalid_rate"],
    first_rate=report["first_rate"],
    longer_rate=report["length_bias"]["longer_rate"],
    thinking_tokens=report["thinking_tokens"],
    completion_tokens=report["completion_tokens"],
    run=str(output.resolve()),
  )


def _curves(rows: Sequence[Mapping]) -> dict[str, list[Mapping]]:
  """The scores of single votes by rule, a missing verdict counted RRM's way.

  What has no labels has no score, and is not among them.
  """
  curves: dict[str, list[Mapping]] = {}
  for row in rows:
    scored = row["votes"] == 1 and row["accuracy"] is not None
    if scored and row["invalid_rule"] != protocol.RM_R1_RULE:
      curves.setdefault(row["rule"], []).append(row)
  return curves
