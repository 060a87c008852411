"""RRM-32B (arXiv 2505.14674): as `rrm_7b.py`, from the 32B reasoner.

  python -m launch.train --config=configs/rrm_32b.py --workdir=runs/rrm_32b \
    --config.init_from=HF_DIR --config.tokenizer=HF_DIR#r1 \
    --config.data.source=pairs.jsonl

HF_DIR is DeepSeek-R1-Distill-Qwen-32B. The marks are explained there.

Hardware, by `python -m tools.plan`: v5p:4x4x4, a third of its memory; on
v5p:8x8x8 with microbatches=1, as rows must divide among all chips.
"""

import ml_collections

from configs import rrm_7b
from rrm_jax import config


def get_config() -> ml_collections.ConfigDict:
  """The job."""
  # [R] 5e-7; a checkpoint's name says 1e-6 [I].
  values = rrm_7b.mapping("rrm-32b", learning_rate=5e-7)
  rl = values["stages"]["rl"]
  rl["steps"] = 440  # [C] the released step
  rl["microbatches"] = 8  # of 2 rows on each of 64 chips
  values["engine"]["slots"] = 256
  return ml_collections.ConfigDict(config.complete(config.Job, values))
