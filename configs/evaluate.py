"""How a trained judge is measured: RRM's decoding, both orders.

  python -m launch.evaluate --model=runs/mini --data=llmbar --output=DIR \
    [--config=configs/evaluate.py --config.samples=5]

Hardware: what the model needs. Time: minutes for a small model.
"""

import ml_collections

from rrm_jax import config


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(
    config.complete(
      config.Evaluate,
      {
        "sampling": {
          "max_new_tokens": 8_192,
          "temperature": 0.6,
          "top_k": 0,
          "top_p": 1.0,
          "min_p": 0.0,
          # Tokens of thought before the verdict is forced; -1 for no limit.
          "thinking_budget": -1,
        },
        "samples": 1,
        # Or "given", "hashed", "random" for each vote.
        "order": "both",
        # What a judgement without a verdict scores; RM-R1 counts it 0.
        "invalid": 0.5,
        "seed": 0,
        "max_prompt_tokens": 4_096,
        "mesh": {"data": 1, "fsdp": -1, "tensor": 1},
        # As the model was trained; thinking="no" is a judge that answers at
        # once, tagged="no" an instruct model without closing tags.
        "template": {
          "name": "auto",
          "file": "",
          "thinking": "auto",
          "tagged": "auto",
        },
        # A workdir's own; float32 on CPUs for a Hugging Face folder.
        "compute_dtype": "auto",
      },
    )
  )
