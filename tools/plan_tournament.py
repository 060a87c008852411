r"""How many judgements a tournament needs, for a judge of a known error rate.

  python -m tools.plan_tournament --candidates=8 --errors=0.05,0.2,0.4 \
    --probability=0.9 --output=DIR
  python -m tools.plan_tournament --data=gsm8k --output=DIR

The first imagines prompts with --candidates each, --right of them right; the
second takes real ones: the name gsm8k, or a JSONL file with `candidates` and
`correct`. Simulated judges play every strategy at growing prices. Prints the
tables, beside what is right without a judge (the majority is by the last
numbers of the responses), and writes DIR/plan.json and DIR/plan.png.

Needs no accelerator and no model. Time: two minutes for 500 prompts of 8.
"""

import dataclasses
from collections.abc import Sequence

from absl import app, flags
from rich.console import Console
from rich.table import Table

from launch import setup
from rrm_jax.data import candidate_sets, gsm8k
from rrm_jax.records import Candidates
from rrm_jax.tournament import best_of, planner, planner_plot
from rrm_jax.train.report import write_json

_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_DATA = flags.DEFINE_string("data", "", "gsm8k, a JSONL file, or none.")
_ERRORS = flags.DEFINE_list("errors", ["0.05", "0.2", "0.4"], "Of judges.")
_PROBABILITY = flags.DEFINE_float("probability", 0.9, "Of being right.")
_CANDIDATES = flags.DEFINE_integer("candidates", 8, "Of an imagined prompt.")
_RIGHT = flags.DEFINE_integer("right", 1, "Of them, right.")
_PROMPTS = flags.DEFINE_integer("prompts", 0, "At most; 0: 500, or all data.")
_MOST = flags.DEFINE_integer("most", 0, "Judgements of a prompt; 0: 8 (N - 1).")
_SEED = flags.DEFINE_integer("seed", 0, "Of brackets and mistakes.")


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    output = setup.output_folder(_OUTPUT.value)
    groups = _groups()
    rows = planner.simulate(
      groups, _errors(), most=_MOST.value, seed=_SEED.value
    )
    needed = planner.needed(rows, _PROBABILITY.value)
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  planner_plot.plot(output / "plan.png", rows)
  extract = gsm8k.final_number if _DATA.value else None
  without = {
    name: round(float(values.mean()), 4)
    for name, values in best_of.references(groups, extract).items()
  }
  write_json(
    output / "plan.json",
    {
      "prompts": len(groups),
      "without_judge": without,
      "probability": _PROBABILITY.value,
      "rows": [dataclasses.asdict(row) for row in rows],
      "needed": [
        {"error": error, "strategy": strategy, "judgements": judgements}
        for (error, strategy), judgements in needed.items()
      ],
    },
  )
  console = Console()
  shares = ", ".join(f"{name} {share:.3f}" for name, share in without.items())
  print(f"{len(groups)} prompts; right without a judge: {shares}")
  console.print(_prices(rows))
  console.print(_answers(needed))
  print(f"wrote {output / 'plan.json'} and plan.png")
  return 0


def _groups() -> list[Candidates]:
  if not _DATA.value:
    return planner.imagined(
      _CANDIDATES.value, _RIGHT.value, _PROMPTS.value or 500, _SEED.value
    )
  groups = candidate_sets.resolve(_DATA.value)
  return groups[: _PROMPTS.value or None]


def _errors() -> list[float]:
  try:
    return [float(text) for text in _ERRORS.value]
  except ValueError:
    raise ValueError(
      f"--errors={','.join(_ERRORS.value)} must be numbers with commas between"
    ) from None


def _prices(rows: Sequence[planner.Row]) -> Table:
  table = Table("error", "strategy", "games", "judgements", "right", "95 %")
  for row in rows:
    table.add_row(
      f"{row.error:g}",
      row.strategy,
      str(row.games),
      f"{row.judgements:.1f}",
      f"{row.accuracy.mean:.3f}",
      f"{row.accuracy.low:.3f} to {row.accuracy.high:.3f}",
    )
  return table


def _answers(needed: dict[tuple[float, str], float | None]) -> Table:
  share = f"{100 * _PROBABILITY.value:g} %"
  table = Table("error", "strategy", f"judgements to be right in {share}")
  for (error, strategy), judgements in sorted(needed.items()):
    price = "more" if judgements is None else f"{judgements:.1f}"
    table.add_row(f"{error:g}", strategy, price)
  return table


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
