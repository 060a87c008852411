"""The paper in miniature: a small judge learns to judge, on two CPU cores.

  python -m launch.train --config=configs/mini.py --workdir=runs/mini

Hardware: 2 CPU cores, 4 GiB. Time: about 5 minutes.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  optimizer = {
    "b1": 0.9,
    "b2": 0.98,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "warmup_steps": 10,
    "schedule": "linear",
    "final_fraction": 0.1,
  }
  thinking = {"name": "arithmetic", "thinking": True}
  rl = {
    "recipe": "grpo",
    "start": "warm_start",
    "steps": 120,
    "comparisons": 16,
    "samples": 16,
    "minibatches": 2,
    "template": thinking,
    "sampling": {"max_new_tokens": 26},
    "optimizer": {**optimizer, "learning_rate": 5e-4},
  }
  return ml_collections.ConfigDict(
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
      "data": {"source": "arithmetic"},
      "order": ["warm_start", "rl"],
      "stages": {
        "warm_start": {
          "recipe": "sft",
          "steps": 500,
          "batch_size": 128,
          "row_tokens": 44,
          "template": thinking,
          "optimizer": {
            **optimizer,
            "schedule": "cosine",
            "learning_rate": 3e-3,
          },
        },
        "rl": rl,
      },
    }
  )
