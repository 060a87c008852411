"""What a plan prints."""

import dataclasses
from collections.abc import Sequence

from rrm_jax import config
from rrm_jax.sharding import Layout
from rrm_jax.train import grpo
from tools.plan import arithmetic, memory
from tools.plan.collectives import Collective, by_kind
from tools.plan.compiled import Measured
from tools.plan.counting import Work
from tools.plan.rollout import Work as Asked
from tools.plan.topology import Chip

# What is counted of programs whose loop turns until the data says so.
STEPS = {"decode": "step", "admit": "row"}


def _gib(size: float) -> str:
  return f"{size / 2**30:.2f}"


def table(rows: Sequence[Sequence[str]]) -> str:
  """Columns of one width, the first to the left."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return "\n".join(
    "  ".join(
      [row[0].ljust(widths[0])]
      + [x.rjust(w) for x, w in zip(row[1:], widths[1:], strict=True)]
    ).rstrip()
    for row in rows
  )


def memory_rows(
  done: dict[str, Measured], sizes: dict[str, int], limit: float
) -> list[list[str]]:
  """GiB on a chip while each program runs."""
  classes = [name for name in memory.CLASSES if name in sizes]
  rows = [["", *classes, "activations", "total", "", ""]]
  for name, one in done.items():
    held = memory.held(name, one.peak, sizes)
    place = "cache in place" if one.in_place else "cache COPIED"
    rows.append([
      name,
      *(_gib(held.parts[k]) if k in held.parts else "-" for k in classes),
      _gib(held.activations),
      _gib(held.total),
      "fits" if held.total <= limit else "DOES NOT FIT",
      place if one.cache else "",
    ])  # fmt: skip
  return rows


def _counted(name: str, one: Measured) -> tuple[Work, list[Collective]]:
  """Of a call, or of a step where a program is nothing but steps."""
  stepping = name in STEPS
  sent = [x for x in one.sent if x.stepping == stepping]
  return (one.step if stepping else one.call), sent


def work_rows(done: dict[str, Measured], chip: Chip) -> list[list[str]]:
  """What each program does on a chip, and how long that takes at best."""
  rows = [["", "FLOPs", "HBM", "received", "seconds at best", "bound by"]]
  for name, one in done.items():
    work, sent = _counted(name, one)
    received = sum(by_kind(sent).values())
    best = arithmetic.bound(work, received, chip) if chip.known else None
    rows.append([
      f"{name}, a {STEPS.get(name, 'call')}",
      *(f"{x:.3e}" for x in (*work, received)),
      *((f"{best.seconds:.4g}", best.by) if best else ("?", "?")),
    ])  # fmt: skip
  return rows


def sent_lines(name: str, one: Measured, most: int = 3) -> list[str]:
  """What a chip receives, by kind, and what makes most of it."""
  _, sent = _counted(name, one)
  kinds = ", ".join(f"{k} {_gib(v)}" for k, v in by_kind(sent).items())
  if not sent:
    return [f"{name}: nothing"]
  largest: dict[tuple[str, str, str], list[Collective]] = {}
  for x in sent:
    key = (x.kind, x.source, ", ".join(map(str, x.arrays[:3])))
    largest.setdefault(key, []).append(x)
  sums = {k: sum(x.times * x.received for x in v) for k, v in largest.items()}
  lines = [f"{name}: {kinds}"]
  for key in sorted(sums, key=lambda k: -sums[k])[:most]:
    kind, source, arrays = key
    times = sum(x.times for x in largest[key])
    place = f" in {source}" if source else ""
    lines.append(f"  {_gib(sums[key])} {kind} {times} x {arrays}{place}")
  return lines


def update_line(
  job: config.Job, stage: config.Grpo, layout: Layout, done: Measured
) -> str:
  """The update's rows, and its FLOPs beside those by formula."""
  counted = done.call.flops * layout.mesh.size
  shared = grpo.way(stage, job.model, layout).shared
  if not shared:
    stage = dataclasses.replace(stage, shared_samples=1)
  step = arithmetic.learning(job.model, stage, job.data.max_prompt_tokens)
  parts = stage.minibatches * stage.microbatches * layout.batch_parts
  together = stage.comparisons * stage.samples / parts
  read = f"for {stage.shared_samples or stage.samples} rows"
  useful = 3 * step.scoring / counted
  return (
    f"update: rows at a time on each part of the batch: {together:g}, a prompt "
    f"read {read if shared else 'with each'}; {step.tokens} tokens, "
    f"{step.flops:.3e} FLOPs by formula, "
    f"{counted:.3e} counted on all chips, of which "
    f"{100 * useful:.0f} % are no recomputation"
  )


def iteration_line(
  done: dict[str, Measured],
  stage: config.Grpo,
  asked: Asked,
  chip: Chip,
) -> str:
  """The least time of a whole step of reinforcement learning."""
  best = {}
  for name, one in done.items():
    work, sent = _counted(name, one)
    if name == "decode":  # on average half of a completion is there
      unseen = asked.new / 2 / (asked.prompt + asked.new)
      work = work._replace(moved=work.moved - unseen * one.cache)
    received = sum(by_kind(sent).values())
    best[name] = arithmetic.bound(work, received, chip).seconds
  rows = stage.comparisons * stage.samples
  times = {
    "prefill": -(-stage.comparisons // asked.prompts),
    "admit": rows,
    "decode": -(-rows // asked.slots) * asked.new,
  }
  each = {name: times.get(name, 1) * one for name, one in best.items()}
  told = ", ".join(f"{name} {one:.1f}" for name, one in each.items())
  return (
    "an iteration of reinforcement learning at best, all rows at their "
    f"longest, seconds: {told}; in all {sum(each.values()):.0f}"
  )
