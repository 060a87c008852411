"""Best of N by a judge: a knockout, one judgement a match, RRM's decoding.

  python -m launch.tournament --model=runs/mini --candidates=FILE.jsonl \
    --strategy=knockout --output=DIR \
    [--config=configs/tournament.py --config.schedule.games=5]

Hardware: what the model needs. Time: N - 1 judgements of each prompt.
"""

import ml_collections

from rrm_jax import config


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(
    config.complete(
      config.Tournament,
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
        "schedule": {
          # knockout, round_robin, random, swiss or active.
          "strategy": "knockout",
          # Judgements of a match, in both orders in turn: 1, 3, 5 ...
          "games": 1,
          # Without a verdict: missing, draw, or coin as the paper's code has.
          "invalid": "missing",
          "bracket": "random",
          # Judgements of a prompt; 0 for what the strategy takes.
          "budget": 0,
          "seed": 0,
        },
        # Elo as the paper ran it: method elo, elo_k 4.
        "rating": {"method": "bradley_terry", "prior": 0.1, "elo_k": 4.0},
        "resamples": 2_000,
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
