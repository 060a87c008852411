"""Real text through every room: a few RL steps on verified GSM8K solutions.

  RRM_SHARED=DIR python -m launch.train --config=configs/gsm8k_smoke.py \
    --workdir=runs/gsm8k_smoke

Nothing is learnt: the model is small and random. What is shown is that real
prompts, the exact Qwen2 tokenizer, the paper's template and a vocabulary of
152,064 pass through sampler and learner within memory. RRM_SHARED names the
folder with gsm8k/ and tokenizers/qwen2/.

Hardware: 2 CPU cores, 8 GiB. Time: about 3 minutes.
"""

import os

import ml_collections

from rrm_jax import config


def get_config() -> ml_collections.ConfigDict:
  shared = os.environ.get("RRM_SHARED", "")
  return ml_collections.ConfigDict(
    config.complete(
      config.Job,
      {
        "name": "gsm8k_smoke",
        "tokenizer": os.path.join(shared, "tokenizers", "qwen2"),
        "model": {
          "vocab_size": 152_064,
          "embed_dim": 64,
          "mlp_dim": 128,
          "num_layers": 2,
          "num_heads": 4,
          "num_kv_heads": 2,
          "head_dim": 16,
          "rope_theta": 1e6,
          "tied_embeddings": True,
          "remat": "full",
        },
        "data": {"source": "gsm8k", "max_prompt_tokens": 1_024},
        "order": ["rl"],
        "stages": {
          "rl": {
            "recipe": "grpo",
            "steps": 3,
            "comparisons": 4,
            "samples": 4,
            "minibatches": 2,
            "microbatches": 2,
            "template": {"name": "rrm"},
            "objective": {"kl_coefficient": 1e-3},
            # A random model never closes its thought: after 24 tokens the
            # budget does it, so that the verdict has text to be read from.
            "sampling": {"max_new_tokens": 48, "thinking_budget": 24},
            "optimizer": {"learning_rate": 1e-4},
          }
        },
        "checkpoint": {"every": 2},
        "evaluation": {
          "after": "rl",
          "comparisons": 8,
          "max_new_tokens": 48,
          "temperatures": [0.6],
          "vote_comparisons": 4,
          "votes": [1, 3],
          "budgets": [0, 8],
          "budget_comparisons": 4,
        },
        "rollouts_every": 1,
      },
    )
  )
