"""The device's types: what moves between sampler and learner.

Letters: P comparisons (prompts), G samples of each, N = P * G rows, T tokens.

Law of alignment: entry t of every per-token array describes token t, and
`logprobs[:, t] = log p(token t | tokens < t)`. Nothing is ever shifted, and
no mask is derived from a token's id.

Rows are padded on the right, so causal order alone keeps padding out of what a
token attends to.
"""

import dataclasses
import typing
from typing import Any, TypeVar

import jax
from jaxtyping import Bool, Float, Int32

Params = dict[str, Any]
# NumPy's where a batch is made and read, jax's where it is computed with.
Array = Any
C = TypeVar("C")


@typing.dataclass_transform(frozen_default=True)
def pytree(cls: type[C]) -> type[C]:
  """A frozen dataclass that jax takes apart and puts together.

  It may hold shapes, shardings or jax's own placeholders where its fields
  say arrays, so what checks annotations in the tests leaves it alone.
  """
  made = dataclasses.dataclass(frozen=True)(cls)
  made.__no_type_check__ = True  # type: ignore[attr-defined]
  return jax.tree_util.register_dataclass(made)


@pytree
class Prefix:
  """What completions go on from: the prompt of each G rows, in their order.

  Attributes:
    tokens: Ids, padded on the right.
    length: Tokens of each prompt.
  """

  tokens: Int32[Array, "P Tp"]
  length: Int32[Array, " P"]


@pytree
class LearnerBatch:
  """What an update needs of N rows.

  Attributes:
    tokens: Prompt and completion, compact; with a `prefix` completions alone,
      from column 0 on.
    sampled: The tokens that carry loss.
    logprobs: The old policy's, at the time of sampling: the sampler's, or with
      `importance` the learner's.
    reference_logprobs: The reference model's; zeros where it is not used.
    advantages: One per row.
    importance: What a token's loss is weighed by; None for 1.
    prefix: The prompts.
    kept: The rows that count in a weight; of others no token is `sampled`. None
      for all.
  """

  tokens: Int32[Array, "N T"]
  sampled: Bool[Array, "N T"]
  logprobs: Float[Array, "N T"]
  reference_logprobs: Float[Array, "N T"]
  advantages: Float[Array, " N"]
  importance: Float[Array, "N T"] | None = None
  prefix: Prefix | None = None
  kept: Bool[Array, " N"] | None = None


@pytree
class TrainState:
  """All that training changes; with the config, all that a resume needs.

  Attributes:
    step: Updates made; an int32 scalar.
    params: The model's, f32.
    opt_state: The optimizer's.
  """

  step: Any  # Int32[Array, ""]
  params: Params
  opt_state: Any
