"""Prompts, and what the engine made of them, as rows that tests look at.

Rows are compact: the prompt starts at column 0, the completion follows its
last token directly, padding comes last.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt32

from rrm_jax.batches import Array, pytree
from rrm_jax.sampling.completions import Completion


@pytree
class Prompts:
  """What to complete.

  Attributes:
    tokens: Ids, padded on the right.
    length: Tokens of each prompt, at least 1.
    prompt_id: With the sample's number, names a row's random stream.
    active: False for rows that only fill up a batch.
  """

  tokens: Int32[Array, "P Tp"]
  length: Int32[Array, " P"]
  prompt_id: UInt32[Array, " P"]
  active: Bool[Array, " P"]


@pytree
class Rollout:
  """Prompts with their completions; the G samples of a prompt are adjacent.

  Attributes:
    tokens: Prompt and completion, compact.
    prompt_length: Tokens of the prompt.
    length: Tokens of prompt and completion.
    logprobs: Of the distribution that was sampled, 0 where not `sampled`.
    sampled: Drawn from the model by the sampler, stop tokens included.
    forced: Written by the thinking budget, not by the model.
    stopped: The row ended with a stop token, not for want of room.
  """

  tokens: Int32[Array, "N T"]
  prompt_length: Int32[Array, " N"]
  length: Int32[Array, " N"]
  logprobs: Float[Array, "N T"]
  sampled: Bool[Array, "N T"]
  forced: Bool[Array, "N T"]
  stopped: Bool[Array, " N"]


def rollout(
  prompts: Sequence[Sequence[int]],
  completions: Sequence[Completion],
  columns: int,
) -> Rollout:
  """Completions as arrays on the host, for a learner.

  Args:
    prompts: Tokens of N prompts.
    completions: Theirs.
    columns: T, at least the longest row.
  """
  rows = len(prompts)
  out = Rollout(
    tokens=np.zeros((rows, columns), np.int32),
    prompt_length=np.array(list(map(len, prompts)), np.int32),
    length=np.zeros(rows, np.int32),
    logprobs=np.zeros((rows, columns), np.float32),
    sampled=np.zeros((rows, columns), bool),
    forced=np.zeros((rows, columns), bool),
    stopped=np.array([c.stopped for c in completions], bool),
  )
  for i, (prompt, completion) in enumerate(
    zip(prompts, completions, strict=True)
  ):
    start, end = len(prompt), len(prompt) + len(completion.tokens)
    out.length[i] = end
    out.tokens[i, :start] = prompt
    out.tokens[i, start:end] = completion.tokens
    out.logprobs[i, start:end] = completion.logprobs
    out.forced[i, start:end] = completion.forced
    out.sampled[i, start:end] = ~completion.forced
  return out
