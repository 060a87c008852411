"""AdamW, its schedule and its mask, as one optax chain."""

import functools

import jax
import optax
from jaxtyping import PyTree

from rrm_jax import config, sharding


def schedule(cfg: config.Optimizer, updates: int) -> optax.Schedule:
  """Learning rate by update: linear warm-up, then the named decay.

  Args:
    cfg: The optimizer's numbers.
    updates: Optimizer updates of the stage, warm-up included.
  """
  peak, last = cfg.learning_rate, cfg.learning_rate * cfg.final_fraction
  rest = max(updates - cfg.warmup_steps, 1)
  if cfg.schedule == "constant":
    decay: optax.Schedule = optax.constant_schedule(peak)
  elif cfg.schedule == "linear":
    decay = optax.linear_schedule(peak, last, rest)
  else:
    decay = optax.cosine_decay_schedule(peak, rest, cfg.final_fraction)
  if not cfg.warmup_steps:
    return decay
  # Update 0 already moves: its rate is peak / warmup_steps.
  steps = cfg.warmup_steps
  warmup = optax.linear_schedule(peak / steps, peak, max(steps - 1, 1))
  return optax.join_schedules([warmup, decay], [steps])


def decayed(params: PyTree) -> PyTree:
  """True for the matrices: biases and norm scales take no weight decay.

  Told by name, since the stack over layers gives vectors two dimensions.
  """
  return jax.tree_util.tree_map_with_path(
    lambda path, _: path[-1].key not in ("bias", "scale"), params
  )


def rate(state: PyTree, cfg: config.Optimizer, updates: int) -> float:
  """The learning rate of the update that comes next.

  Args:
    state: Of `build(cfg, updates)`; updates that moved nothing do not count.
    cfg: The optimizer's numbers.
    updates: As of `schedule`.
  """
  (count,) = (
    part.count
    for part in jax.tree.leaves(state, is_leaf=_scheduled)
    if _scheduled(part)
  )
  with jax.transfer_guard("allow"):  # a scalar each way
    return float(schedule(cfg, updates)(sharding.fetch(count)))


def _scheduled(part: PyTree) -> bool:
  return isinstance(part, optax.ScaleByScheduleState)


@functools.cache
def build(cfg: config.Optimizer, updates: int) -> optax.GradientTransformation:
  """Clip by global norm, AdamW with decoupled decay (arXiv 1711.05101).

  The same arguments give the same object, and so the same compiled update.
  """
  clip = optax.identity()
  if cfg.clip_norm:
    clip = optax.clip_by_global_norm(cfg.clip_norm)
  return optax.chain(
    clip,
    optax.adamw(
      schedule(cfg, updates),
      b1=cfg.b1,
      b2=cfg.b2,
      eps=cfg.eps,
      weight_decay=cfg.weight_decay,
      mask=decayed,
    ),
  )
