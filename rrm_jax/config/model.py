"""A decoder's shape, and the devices that it lies on."""

import dataclasses
from typing import Literal

from rrm_jax.mapping import at_least


@dataclasses.dataclass(frozen=True)
class Yarn:
  """Rotary positions stretched beyond those trained on (arXiv 2309.00071).

  `attention_factor` scales cosine and sine; None takes the paper's
  0.1 ln(factor) + 1.
  """

  factor: float
  original_positions: int
  beta_fast: float = 32.0
  beta_slow: float = 1.0
  attention_factor: float | None = None
  truncated: bool = True


@dataclasses.dataclass(frozen=True)
class Model:
  """A Qwen2 decoder's shape; the field's usual letters in brackets.

  In the layers that `sliding_layers` lists, a token sees `sliding_window`
  tokens, itself included. `max_positions` is the longest row that the model
  is made for. `remat` says what the gradient computes a second time in place
  of keeping it: nothing, all but the products with weights, or whole layers.
  """

  vocab_size: int  # V
  embed_dim: int  # D
  mlp_dim: int
  num_layers: int  # L
  num_heads: int  # H
  num_kv_heads: int  # K
  head_dim: int
  rope_theta: float = 1e6
  norm_eps: float = 1e-6
  tied_embeddings: bool = False
  max_positions: int = 32_768
  yarn: Yarn | None = None
  sliding_window: int = 0
  sliding_layers: tuple[int, ...] = ()
  compute_dtype: Literal["float32", "bfloat16"] = "float32"
  remat: Literal["none", "dots", "full"] = "none"

  def __post_init__(self) -> None:
    at_least(1, self, "vocab_size", "embed_dim", "mlp_dim", "num_layers")
    at_least(1, self, "num_heads", "num_kv_heads", "head_dim", "max_positions")
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
        f"num_heads={self.num_heads} is no multiple of num_kv_heads="
        f"{self.num_kv_heads}; each KV head serves a group of query heads"
      )
    if self.head_dim % 2:
      raise ValueError(f"head_dim={self.head_dim} must be even for RoPE")
    if self.sliding_layers and self.sliding_window < 1:
      raise ValueError(
        f"sliding_layers={self.sliding_layers} need a sliding_window of at "
        f"least 1, it is {self.sliding_window}"
      )


@dataclasses.dataclass(frozen=True)
class Mesh:
  """How many devices along each mesh axis; one may be -1 for the rest."""

  data: int = 1
  fsdp: int = -1
  tensor: int = 1
