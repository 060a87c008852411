"""Where a decoding step's time goes, by the parts of the model.

  python -m tools.benchmark decode [--slots=16] [--live=256]

Profiles steps in which every slot is busy and sees `live` tokens, with the
rollout suite's model, and holds them against the measured products of a step.
See `profile.py` for what is counted.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from absl import app, flags

from launch import setup
from rrm_jax import config, sharding
from rrm_jax.ops import filters
from rrm_jax.rl import train_state
from rrm_jax.sampling import budget, decode, engine, slots
from tools.benchmark import floor, profile
from tools.benchmark.contestants.ours import unending
from tools.benchmark.venue import SMALL

_STEPS = 48


def busy(rows: int, live: int, layout: sharding.Layout) -> slots.Slots:
  """Slots that have read all but `_STEPS` of `live` tokens."""
  idle = slots.idle_slots(
    cfg=SMALL, slots=rows, columns=live, stacked=engine.stacked(layout),
    layout=layout,
  )  # fmt: skip

  def column(value: int) -> jax.Array:
    return sharding.put(jnp.full(rows, value, jnp.int32), layout.named("batch"))

  return dataclasses.replace(
    idle,
    last=column(live - _STEPS - 1),
    start=column(live - _STEPS - 1),
    end=column(live + 2),
    thinking_budget=column(budget.UNLIMITED),
    answer_budget=column(budget.UNLIMITED),
    stopped=idle.stopped & False,
  )


def measured(rows: int, live: int) -> tuple[float, Mapping[str, float]]:
  """Milliseconds of a step, and of the operations of each part."""
  layout = sharding.layout(config.Mesh())
  params = engine.prepared(
    train_state.init_params(sharding.key(0, layout), SMALL, layout),
    cfg=SMALL,
    layout=layout,
  )
  script = sharding.put(unending(), layout.replicated)
  ready = sharding.put(jnp.int32(rows), layout.replicated)
  options = {
    "cfg": SMALL, "kept": filters.UNFILTERED, "live": live,
    "columns": _STEPS, "layout": layout,
  }  # fmt: skip
  state = busy(rows, live, layout)
  lowered = decode.decode.lower(params, state, script, ready, **options)
  text = lowered.compile().as_text() or ""
  spent: list[float] = []

  def once() -> None:
    state = jax.block_until_ready(busy(rows, live, layout))
    begun = time.perf_counter()
    _, chunk = decode.decode(params, state, script, ready, **options)
    assert int(jax.device_get(chunk.count).max()) == _STEPS
    spent.append(1e3 * (time.perf_counter() - begun) / _STEPS)

  for _ in range(3):
    once()
  parts = profile.by_part(once, text)
  return min(spent[1:3]), {k: v / _STEPS for k, v in parts.items()}


def define() -> None:
  """The suite's flags."""
  flags.DEFINE_integer("slots", 16, "Rows decoded together.", lower_bound=1)
  flags.DEFINE_integer(
    "live", 256, "Tokens that each sees.", lower_bound=_STEPS + 2
  )


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  rows, live = flags.FLAGS.slots, flags.FLAGS.live
  step, parts = measured(rows, live)
  rates = floor.measure(SMALL, rows, "float32")
  cost = floor.step_cost(SMALL, rows, 0, 4)
  print(
    f"a step of {rows} slots at {live} tokens: {step:.1f} ms, "
    f"{1e3 * rows / step:.0f} tok/s; its products alone "
    f"{1e3 * cost.flops / rates.skinny:.1f} ms"
  )
  print(profile.table(parts))
  return 0
