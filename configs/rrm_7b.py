"""RRM-7B (arXiv 2505.14674): a distilled reasoner learns to judge.

  python -m launch.train --config=configs/rrm_7b.py --workdir=runs/rrm_7b \
    --config.init_from=HF_DIR --config.tokenizer=HF_DIR#r1 \
    --config.data.source=pairs.jsonl

HF_DIR is DeepSeek-R1-Distill-Qwen-7B; pairs.jsonl has labelled comparisons.
Each value's confidence: [C] confirmed by released code or files, [R] recalled
from the paper, [I] inferred, [?] not published.

Hardware, by `python -m tools.plan`: v5e:4x4 as it stands, 15.6 of 15.75 GiB in
the update; a GiB less with mesh.tensor=2 and microbatches=128, for half as much
again between chips. v6e:4x4 has room for microbatches=16 and engine.slots=256.
"""

import ml_collections

from rrm_jax import config
from rrm_jax.model import presets


def get_config() -> ml_collections.ConfigDict:
  """The job."""
  return ml_collections.ConfigDict(config.complete(config.Job, mapping()))


def mapping(preset: str = "rrm-7b", learning_rate: float = 1e-6) -> dict:
  """The job's values that are not defaults."""
  model = config.to_mapping(presets.preset(preset))
  return {
    "name": preset,
    "model": model | {"compute_dtype": "bfloat16", "remat": "full"},
    "tokenizer": "",
    "data": {"source": "", "max_prompt_tokens": 4_096},  # [R]
    "order": ["rl"],
    "stages": {
      "rl": {
        "recipe": "grpo",
        "steps": 720,  # [C] the released step of the 7B
        "comparisons": 128,  # [R]
        "samples": 16,  # [R], and in the 32B checkpoint's name [I]
        "minibatches": 2,  # [R] 64 of 128
        "microbatches": 64,  # a row on each of 16 chips
        "shared_samples": 2,
        "template": {"name": "rrm"},  # [C]
        "objective": {
          "aggregation": "token",  # [?] what verl's default was
          "kl_coefficient": 1e-3,  # [R]
          "clip_low": 0.2,  # [?] verl's default
          "clip_high": 0.2,  # [?]
        },
        "sampling": {
          "max_new_tokens": 8_192,  # [R], [I]
          "temperature": 0.6,  # [R]; a file name of the 32B suggests 0.8 [I]
        },
        "optimizer": {
          "learning_rate": learning_rate,
          "weight_decay": 0.01,  # [?] verl's default
          "clip_norm": 1.0,  # [?] verl's default
        },
      }
    },
    "mesh": {"data": 1, "fsdp": -1, "tensor": 1},
    # The slots' cache lies beside the training state.
    "engine": {"slots": 96, "weights": "tensor"},
    "checkpoint": {"every": 20, "keep": 2},
    "evaluation": {"after": "rl", "temperatures": [0.6], "budgets": []},
  }
