"""Published shapes of Qwen2 and what was made of it, by name.

  model = preset("rrm-7b")

Qwen2 and Qwen2.5 are the base models: their instruct versions have
max_positions 32,768, and those of 14B, 32B and 72B norm_eps 1e-6. Whoever has
the weights reads their own config.json (`model/hf_config.py`).
"""

import dataclasses
import difflib
from collections.abc import Mapping
from types import MappingProxyType

from rrm_jax import config

LONG = 131_072


def _qwen(
  embed_dim: int,
  mlp_dim: int,
  num_layers: int,
  num_heads: int,
  num_kv_heads: int,
  norm_eps: float = 1e-6,
) -> config.Model:
  """One of the large: untied, the vocabulary padded to 152,064."""
  return config.Model(
    vocab_size=152_064,
    embed_dim=embed_dim,
    mlp_dim=mlp_dim,
    num_layers=num_layers,
    num_heads=num_heads,
    num_kv_heads=num_kv_heads,
    head_dim=embed_dim // num_heads,
    rope_theta=1e6,
    norm_eps=norm_eps,
    max_positions=LONG,
  )


def _small(model: config.Model) -> config.Model:
  """Up to 3B the embeddings are tied and the vocabulary 151,936."""
  return dataclasses.replace(model, vocab_size=151_936, tied_embeddings=True)


_05B = _small(_qwen(896, 4_864, 24, 14, 2))
_15B = _small(_qwen(1_536, 8_960, 28, 12, 2))
_3B = _small(_qwen(2_048, 11_008, 36, 16, 2))
_7B = _qwen(3_584, 18_944, 28, 28, 4)
_14B = _qwen(5_120, 13_824, 48, 40, 8, norm_eps=1e-5)
_32B = _qwen(5_120, 27_648, 64, 40, 8, norm_eps=1e-5)
_72B = _qwen(8_192, 29_568, 80, 64, 8, norm_eps=1e-5)

# Distilled from Qwen2.5-Math, whose theta is that of a short context.
_DISTILL_15B = dataclasses.replace(_15B, rope_theta=1e4, tied_embeddings=False)
_DISTILL_7B = dataclasses.replace(_7B, rope_theta=1e4)

PRESETS: Mapping[str, config.Model] = MappingProxyType(
  {
    "qwen2-0.5b": _05B,
    "qwen2-1.5b": _15B,
    "qwen2-7b": _7B,
    "qwen2-72b": _72B,
    "qwen2.5-0.5b": dataclasses.replace(_05B, max_positions=32_768),
    "qwen2.5-1.5b": _15B,
    "qwen2.5-3b": dataclasses.replace(_3B, max_positions=32_768),
    "qwen2.5-7b": _7B,
    "qwen2.5-14b": _14B,
    "qwen2.5-32b": _32B,
    "qwen2.5-72b": _72B,
    "deepseek-r1-distill-qwen-1.5b": _DISTILL_15B,
    "deepseek-r1-distill-qwen-7b": _DISTILL_7B,
    "deepseek-r1-distill-qwen-14b": _14B,
    "deepseek-r1-distill-qwen-32b": _32B,
    # RRM (arXiv 2505.14674) starts from the distilled models.
    "rrm-7b": _DISTILL_7B,
    "rrm-32b": _32B,
  }
)


def preset(name: str) -> config.Model:
  """A published shape.

  Raises:
    ValueError: no preset has the name; gives the nearest and all.
  """
  if name not in PRESETS:
    near = difflib.get_close_matches(name.lower(), PRESETS, n=1, cutoff=0.0)
    raise ValueError(
      f"{name!r} is no preset; did you mean {near[0]!r}? All: "
      f"{', '.join(PRESETS)}"
    )
  return PRESETS[name]
