"""The paper in miniature: a small judge learns to judge, on two CPU cores.

  python -m launch.train --config=configs/mini.py --workdir=runs/mini

A warm start stands for a distilled base model: it can reason, and does so a
third of the time, so that as a judge it is little better than a coin. RL on
verdicts alone makes a reward reasoning model of it. Beside it a control gets
random labels, and a DirectJudge the same comparisons without thinking.

Hardware: 2 CPU cores, 4 GiB. Time: 5.5 minutes.
"""

import ml_collections

from rrm_jax import config

THINKING = {"name": "arithmetic", "thinking": True}
DIRECT = {"name": "arithmetic", "thinking": False}


def _optimizer(learning_rate: float, schedule: str) -> dict:
  return {
    "learning_rate": learning_rate,
    "schedule": schedule,
    "warmup_steps": 10,
    "final_fraction": 0.1,
    "b1": 0.9,
    "b2": 0.98,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
  }


def _sft(steps: int, schedule: str) -> dict:
  return {
    "recipe": "sft",
    "steps": steps,
    "batch_size": 64,
    # 18 of the prompt, 14 running values, 11 to compare, decide and stop.
    "row_tokens": 44,
    "template": THINKING,
    "optimizer": _optimizer(3e-3, schedule),
    # Lazy traces outnumber the others, so the greedy answer is a guess.
    "traces": {"careful": 0.24, "partial": 0.12, "lazy": 0.64, "noise": 0.06},
  }


def _warm_start() -> dict:
  """As long as it takes to learn the steps of the work.

  RL selects among the skills that it finds: where most worked steps are
  wrong, working pays no more than guessing.
  """
  gate = {"every": 50, "step_accuracy": 0.86, "comparisons": 256}
  return _sft(1_500, "constant") | {"gate": gate}


def _anneal() -> dict:
  return _sft(150, "linear") | {"start": "warm_start"}


def _direct_warm_start() -> dict:
  return {
    "recipe": "sft",
    "steps": 600,
    "batch_size": 128,
    "row_tokens": 22,
    "template": DIRECT,
    "optimizer": _optimizer(3e-3, "cosine"),
    # Mixed from the start it learns nothing, not even one term.
    "curriculum": [1, 1, 2, 2, 2, 2],
  }


def _rl(template: dict, start: str, steps: int, labels: str) -> dict:
  return {
    "recipe": "grpo",
    "start": start,
    "steps": steps,
    # Many comparisons rather than many samples of each: with 16 x 16 one seed
    # of three unlearnt a single equality ("= 3 A1:3 no") for good.
    "comparisons": 32,
    "samples": 8,
    "minibatches": 2,
    "template": template,
    "labels": labels,
    "sampling": {"max_new_tokens": 26 if template["thinking"] else 4},
    "optimizer": _optimizer(5e-4, "linear"),
    "objective": {"clip_low": 0.2, "clip_high": 0.2, "kl_coefficient": 0.0},
  }


def _direct() -> dict:
  """The same comparisons and steps as RRM's.

  Most of them are beyond a judge that cannot think: their rewards are noise.
  With RRM's own learning rate and normalization it forgets what it could do.
  """
  stage = _rl(DIRECT, "direct_warm_start", 150, "given")
  stage["optimizer"]["learning_rate"] = 1e-4
  stage["objective"]["std_normalized"] = False
  return stage


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(
    config.complete(
      config.Job,
      {
        "name": "mini",
        "seed": 0,
        "tokenizer": "arithmetic",
        "model": {
          "vocab_size": 80,
          "embed_dim": 96,
          "mlp_dim": 256,
          "num_layers": 2,
          "num_heads": 4,
          "num_kv_heads": 2,
          "head_dim": 24,
          "rope_theta": 1000.0,
          "tied_embeddings": True,
        },
        # For the running sum: --config.data.operators=+
        "data": {"source": "arithmetic", "operators": "+-*"},
        "order": [
          "warm_start",
          "anneal",
          "rl",
          "control",
          "direct_warm_start",
          "direct",
        ],
        "stages": {
          "warm_start": _warm_start(),
          "anneal": _anneal(),
          "rl": _rl(THINKING, "anneal", 150, "given"),
          "control": _rl(THINKING, "anneal", 50, "random"),
          "direct_warm_start": _direct_warm_start(),
          "direct": _direct(),
        },
        "checkpoint": {"every": 50, "keep": 2, "keep_steps": [15]},
        "evaluation": {
          "before": "anneal",
          "middle": "rl@15",
          "after": "rl",
          "control": "control",
          "direct": "direct",
          "comparisons": 1_024,
          "max_new_tokens": 30,
          "temperatures": [1.0, 0.6, 0.0],
          "votes": [1, 3, 5, 9, 15],
          "vote_comparisons": 512,
          "budgets": [0, 4, 8, 12, 16, 20, 24],
          "budget_comparisons": 512,
          "every": 10,
          "every_comparisons": 256,
        },
        "rollouts_every": 10,
      },
    )
  )
