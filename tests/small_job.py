"""A whole job that runs in seconds: two tiny stages on the built-in task."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rrm_jax import config, sharding
from rrm_jax.metrics import MetricWriter
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import loading, preflight
from rrm_jax.train.job import Job, run_stages

TEMPLATE = {"name": "arithmetic"}


def mapping() -> dict:
  """The job's config as plain values, for a test to change."""
  return {
    "name": "small",
    "tokenizer": "arithmetic",
    "model": {
      "vocab_size": 80,
      "embed_dim": 32,
      "mlp_dim": 32,
      "num_layers": 2,
      "num_heads": 4,
      "num_kv_heads": 2,
      "head_dim": 8,
      "rope_theta": 1000.0,
      "tied_embeddings": True,
    },
    "data": {"max_terms": 4, "num_train": 64, "num_test": 16},
    "order": ["warm_start", "rl"],
    "stages": {
      "warm_start": {
        "recipe": "sft",
        "steps": 6,
        "batch_size": 16,
        "row_tokens": 24,
        "template": TEMPLATE,
        "optimizer": {"learning_rate": 3e-3, "warmup_steps": 2},
      },
      "rl": {
        "recipe": "grpo",
        "start": "warm_start",
        "steps": 6,
        "comparisons": 8,
        "samples": 4,
        "minibatches": 2,
        "template": TEMPLATE,
        "objective": {"kl_coefficient": 1e-3},
        "sampling": {"max_new_tokens": 8},
        "optimizer": {"learning_rate": 1e-3, "schedule": "linear"},
      },
    },
    "checkpoint": {"every": 2, "keep": 2, "keep_steps": [4]},
    "evaluation": {
      "before": "warm_start",
      "middle": "rl@4",
      "after": "rl",
      "comparisons": 8,
      "max_new_tokens": 8,
      "temperatures": [1.0, 0.0],
      "votes": [1, 3],
      "vote_comparisons": 8,
      "budgets": [0, 2],
      "budget_comparisons": 8,
      "every": 3,
      "every_comparisons": 8,
    },
    "rollouts_every": 2,
  }


@contextlib.contextmanager
def opened(
  folder: Path, values: dict, interrupted: Callable[[], bool] = lambda: False
) -> Iterator[Job]:
  """The job in a workdir, on all devices."""
  cfg = config.from_mapping(config.Job, values)
  tokenizer = tokenizers.load(cfg.tokenizer)
  layout = sharding.layout(cfg.mesh)
  data = loading.splits(cfg, tokenizer, folder / "data")
  preflight.check(cfg, data, tokenizer, layout)
  with MetricWriter(folder) as writer:
    yield Job(
      cfg=cfg,
      folder=folder,
      layout=layout,
      tokenizer=tokenizer,
      data=data,
      writer=writer,
      interrupted=interrupted,
    )


def run(
  folder: Path, values: dict, interrupted: Callable[[], bool] = lambda: False
) -> Job:
  """Runs the job's stages."""
  with opened(folder, values, interrupted) as job:
    run_stages(job)
  return job
