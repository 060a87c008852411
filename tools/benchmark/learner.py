"""An update of reinforcement learning, with and without the shared prefix.

  python -m tools.benchmark learner [--rounds=3] [--workloads=judging,writing] \
    [--output=FILE.json]

Judging has long prompts and short completions, writing the reverse. Each way
runs in a process of its own, one after the other in each round, after a first
one that compiles. Tokens are those of all rows, prompts counted with each. The
floor is the arithmetic of the way's own tokens at the rate of a measured
product of matrices.
"""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from launch import setup
from rrm_jax import config, optimizer, sharding
from rrm_jax.batches import LearnerBatch, Prefix
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner, train_state
from tools import measuring
from tools.benchmark.rollout import SMALL
from tools.plan import arithmetic

WAYS = ("shared", "apart")
# Of the matrices whose product is measured.
_SIDE = 2048


class Workload(NamedTuple):
  """P prompts of so many tokens, G completions of each, of at most `width`."""

  prompts: int
  prompt: int
  samples: int
  width: int

  @property
  def stage(self) -> config.Grpo:
    """As a stage of reinforcement learning."""
    return config.Grpo(
      steps=1,
      comparisons=self.prompts,
      samples=self.samples,
      optimizer=config.Optimizer(),
      sampling=config.Sampling(max_new_tokens=self.width),
    )


WORKLOADS = {
  "judging": Workload(prompts=2, prompt=400, samples=16, width=160),
  "writing": Workload(prompts=4, prompt=64, samples=8, width=256),
}


class Row(NamedTuple):
  """Medians of a way's rounds.

  Attributes:
    way: Its name.
    seconds: Of an update.
    rate: Tokens of all rows per second.
    of_floor: The floor's seconds as a fraction of these.
    temporary: GB that the program needs beside its arguments.
    peak: Growth of host memory to its highest, GB.
    compiling: Seconds of the first update beyond the median.
  """

  way: str
  seconds: float
  rate: float
  of_floor: float
  temporary: float
  peak: float
  compiling: float


def batch(work: Workload, vocab: int) -> LearnerBatch:
  """Random rows; completions of ragged lengths, the mean half the width."""
  rng = np.random.default_rng(0)
  shape = (work.prompts * work.samples, work.width)
  length = rng.integers(work.prompt // 2, work.prompt + 1, work.prompts)
  length[0] = work.prompt
  prompts = rng.integers(0, vocab, (work.prompts, work.prompt))
  figures = rng.normal(-2, 0.1, shape).astype(np.float32)
  return LearnerBatch(
    tokens=rng.integers(0, vocab, shape).astype(np.int32),
    sampled=np.arange(work.width) < rng.integers(1, work.width, (shape[0], 1)),
    logprobs=figures,
    reference_logprobs=figures,
    advantages=rng.normal(size=shape[0]).astype(np.float32),
    prefix=Prefix(prompts.astype(np.int32), length.astype(np.int32)),
  )


def matmul_rate() -> float:
  """FLOP per second of a large product, the best of several."""
  x = jnp.ones((_SIDE, _SIDE), jnp.float32)
  multiply = jax.jit(jnp.matmul)
  taken = []
  for _ in range(6):
    begun = time.perf_counter()
    jax.block_until_ready(multiply(x, x))
    taken.append(time.perf_counter() - begun)
  return 2 * _SIDE**3 / min(taken)


def measure(way: str, work: Workload, rounds: int) -> dict:
  """Updates from one state; seconds of each, and what the program needs."""
  layout = sharding.layout(config.Mesh())
  chain = optimizer.build(config.Optimizer(), 10)
  params = train_state.init_params(sharding.key(0, layout), SMALL, layout)
  state = train_state.init_state(params, SMALL, chain, layout)
  del params
  rows = batch(work, SMALL.vocab_size)
  prefix = sharding.put(rows.prefix, layout.replicated)
  rows = sharding.put(
    dataclasses.replace(rows, prefix=None), layout.named("batch")
  )
  rows = dataclasses.replace(rows, prefix=prefix)
  options = {
    "way": learner.Way(SMALL, UNFILTERED, layout, shared=way == "shared"),
    "objective": config.Objective(kl_coefficient=1e-3),
    "chain": chain,
    "microbatches": max(1, work.prompts // layout.batch_parts),
  }
  lowered = learner.update.lower(state, rows, **options)
  memory = lowered.compile().memory_analysis()
  seconds, rates = [], []
  with measuring.effort() as effort:
    for _ in range(rounds + 1):
      rates.append(matmul_rate())
      begun = time.perf_counter()
      state, metrics = learner.update(state, rows, **options)
      assert np.isfinite(jax.device_get(metrics["loss"]))
      seconds.append(time.perf_counter() - begun)
  return {
    "seconds": seconds,
    "temporary": 0 if memory is None else memory.temp_size_in_bytes,
    "peak": effort.peak,
    "matmul": max(rates),
  }


def floor(way: str, work: Workload, rate: float) -> float:
  """Seconds of the arithmetic alone, without what remat would add."""
  stage = work.stage
  if way == "apart":
    stage = dataclasses.replace(stage, shared_samples=1)
  return arithmetic.learning(SMALL, stage, work.prompt).flops / rate


def rows(work: Workload, runs: dict[str, list[dict]]) -> list[Row]:
  """Medians of all rounds but the first of each process."""
  tokens = work.prompts * work.samples * (work.prompt + work.width)
  made = []
  for way, found in runs.items():
    seconds = statistics.median(s for run in found for s in run["seconds"][1:])
    rate = max(run["matmul"] for run in found)
    made.append(
      Row(
        way,
        round(seconds, 3),
        round(tokens / seconds, 1),
        round(floor(way, work, rate) / seconds, 3),
        round(found[0]["temporary"] / 1e9, 3),
        round(max(run["peak"] for run in found) / 1e9, 3),
        round(found[0]["seconds"][0] - seconds, 1),
      )
    )
  return made


def table(made: Sequence[Row]) -> str:
  """For the terminal."""
  titles = ("way", "seconds", "tok/s", "of floor", "temp GB", "peak GB")
  lines = ["".join(f"{title:>12}" for title in (*titles, "compile s"))]
  lines += ["".join(f"{value!s:>12}" for value in row) for row in made]
  return "\n".join(lines)


def define() -> None:
  """The suite's flags."""
  flags.DEFINE_list("workloads", list(WORKLOADS), "What is learnt from.")
  flags.DEFINE_integer("rounds", 3, "Processes of each way.", lower_bound=1)
  flags.DEFINE_string("output", "", "A file for the figures, as JSON.")


def suite(names: Sequence[str], rounds: int) -> dict:
  """Runs it and prints; the report.

  Raises:
    ValueError: no such workload.
  """
  report: dict = {"suite": "learner", "workloads": {}}
  spawn = multiprocessing.get_context("spawn")
  for name in names:
    if name not in WORKLOADS:
      raise ValueError(
        f"{name!r} is no workload; there are {', '.join(WORKLOADS)}"
      )
    work = WORKLOADS[name]
    runs: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(rounds):
      for way in WAYS:
        with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
          runs[way].append(pool.submit(measure, way, work, 2).result())
    made = rows(work, runs)
    print(f"\n{name}: {work}\n{table(made)}", flush=True)
    shared, apart = made
    print(f"shared is {apart.seconds / shared.seconds:.2f} x apart", flush=True)
    report["workloads"][name] = [row._asdict() for row in made]
  return report


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  values = flags.FLAGS.flag_values_dict()
  try:
    report = suite(values["workloads"], values["rounds"])
  except ValueError as error:
    setup.fail(error)
    return 1
  if values["output"]:
    text = json.dumps(report, indent=2) + "\n"
    Path(values["output"]).write_text(text)
  return 0
