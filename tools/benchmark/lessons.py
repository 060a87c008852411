"""What the contestants of the learner's suite learn from, the same for all."""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.batches import Prefix
from rrm_jax.model import hf
from rrm_jax.ops.filters import UNFILTERED
from rrm_jax.rl import learner
from tools.benchmark.contestants.updates import AdamW, Work
from tools.plan import arithmetic

# A ratio is clipped this far from 1.
CLIP = 0.2
# Fast enough that the loss of a round tells whether the last update was right.
ADAMW = AdamW(
  learning_rate=1e-5, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0,
  clip_norm=1.0,
)  # fmt: skip


class Lesson(NamedTuple):
  """P prompts of so many tokens, G completions of each, of `width` tokens.

  `shared_samples` is the fastest setting of ours, as in `config.Grpo`.
  """

  name: str
  prompts: int
  prompt: int
  samples: int
  width: int
  shared_samples: int = 0

  @property
  def tokens(self) -> int:
    """Of all rows."""
    return self.prompts * self.samples * (self.prompt + self.width)

  def flops(self, cfg: config.Model, shared_samples: int = 0) -> float:
    """Forward and backward, a prompt once for so many completions, 0 for all.

    Nothing else is computed twice.
    """
    stage = config.Grpo(
      steps=1,
      comparisons=self.prompts,
      samples=self.samples,
      shared_samples=shared_samples,
      optimizer=config.Optimizer(),
      sampling=config.Sampling(max_new_tokens=self.width),
    )
    return 3 * arithmetic.learning(cfg, stage, self.prompt).scoring

  def line(self) -> str:
    """What it is, for the terminal."""
    return (
      f"{self.name}: {self.prompts} prompts of {self.prompt} tokens x "
      f"{self.samples} completions of {self.width}"
    )


LESSONS = {
  "judging": Lesson("judging", prompts=2, prompt=320, samples=16, width=128),
  "writing": Lesson(
    "writing", prompts=2, prompt=64, samples=8, width=256, shared_samples=4
  ),
}


def make(name: str, shrink: int = 1) -> Lesson:
  """A workload by its name, with all lengths divided.

  Raises:
    ValueError: no such workload, or nothing is left of its lengths.
  """
  if name not in LESSONS:
    raise ValueError(f"{name!r} is no workload; there are {', '.join(LESSONS)}")
  if not 1 <= shrink <= 64:
    raise ValueError(f"shrink={shrink} must be from 1 to 64")
  found = LESSONS[name]
  return found._replace(
    prompt=found.prompt // shrink, width=found.width // shrink
  )


def write(file: Path, lesson: Lesson, weights: Path, cfg: config.Model) -> None:
  """What a contestant reads, as `contestants/updates.py` has it.

  The old policy is the weights' own with noise, so that some ratios clip.
  """
  rng = np.random.default_rng(0)
  rows = lesson.prompts * lesson.samples
  prompts = rng.integers(1, cfg.vocab_size, (lesson.prompts, lesson.prompt))
  completions = rng.integers(1, cfg.vocab_size, (rows, lesson.width))
  layout = sharding.layout(config.Mesh())
  length = np.full(lesson.prompts, lesson.prompt)
  tokens, prefix = sharding.put(
    jax.tree.map(
      lambda x: x.astype(np.int32), (completions, Prefix(prompts, length))
    ),
    layout.replicated,
  )
  logprobs = learner.score(
    hf.load(weights, cfg, layout, "float32"),
    tokens,
    prefix,
    way=learner.Way(cfg, UNFILTERED, layout),
    microbatches=lesson.prompts,
  )
  noise = 0.1 * rng.standard_normal(completions.shape)
  found = Work(
    weights=str(weights),
    model=json.loads((weights / "config.json").read_text()),
    prompts=prompts.tolist(),
    completions=completions.tolist(),
    logprobs=(jax.device_get(logprobs) + noise).tolist(),
    advantages=rng.standard_normal(rows).tolist(),
    shared_samples=lesson.shared_samples,
    clip=CLIP,
    adamw=ADAMW,
  )
  text = json.dumps(found._asdict() | {"adamw": ADAMW._asdict()})
  file.write_text(text)
