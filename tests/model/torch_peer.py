"""The peer: transformers' Qwen2 on torch, with random weights of our shape."""

import numpy as np
import torch
import transformers

from rrm_jax import config
from rrm_jax.batches import Params


def rope_parameters(cfg: config.Model) -> dict:
  """The peer's group of rope fields."""
  theta = {"rope_theta": cfg.rope_theta}
  if cfg.yarn is None:
    return theta | {"rope_type": "default"}
  return theta | {
    "rope_type": "yarn",
    "factor": cfg.yarn.factor,
    "original_max_position_embeddings": cfg.yarn.original_positions,
    "attention_factor": cfg.yarn.attention_factor,
    "beta_fast": cfg.yarn.beta_fast,
    "beta_slow": cfg.yarn.beta_slow,
    "truncate": cfg.yarn.truncated,
  }


def settings(cfg: config.Model) -> transformers.Qwen2Config:
  """The same shape in the peer's words."""
  return transformers.Qwen2Config(
    vocab_size=cfg.vocab_size,
    hidden_size=cfg.embed_dim,
    intermediate_size=cfg.mlp_dim,
    num_hidden_layers=cfg.num_layers,
    num_attention_heads=cfg.num_heads,
    num_key_value_heads=cfg.num_kv_heads,
    head_dim=cfg.head_dim,
    rms_norm_eps=cfg.norm_eps,
    rope_parameters=rope_parameters(cfg),
    tie_word_embeddings=cfg.tied_embeddings,
    max_position_embeddings=cfg.max_positions,
    use_sliding_window=bool(cfg.sliding_layers),
    sliding_window=cfg.sliding_window or None,
    layer_types=[
      f"{'sliding' if i in cfg.sliding_layers else 'full'}_attention"
      for i in range(cfg.num_layers)
    ],
    attn_implementation="eager",
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
  )


def build(cfg: config.Model, seed: int = 0) -> transformers.Qwen2ForCausalLM:
  """A model whose biases and norm scales are random as well."""
  torch.manual_seed(seed)
  model = transformers.Qwen2ForCausalLM(settings(cfg))
  model = model.to(torch.float32).eval()
  with torch.no_grad():
    for name, weight in model.named_parameters():
      noise = torch.randn_like(weight)
      if "norm" in name:
        weight.copy_(1 + 0.3 * noise)
      elif name.endswith("bias"):
        weight.copy_(0.5 * noise)
      else:
        weight.copy_(noise * weight.shape[1] ** -0.5)
  return model


def converted(
  model: transformers.Qwen2ForCausalLM, cfg: config.Model
) -> Params:
  """The same weights as our parameters: kernels [in, out], layers stacked."""
  state = {k: v.detach().numpy() for k, v in model.state_dict().items()}
  width, dim = cfg.embed_dim, cfg.head_dim

  def stacked(name: str, *shape: int) -> np.ndarray:
    return np.stack(
      [
        state[f"model.layers.{i}.{name}"].T.reshape(shape)
        for i in range(cfg.num_layers)
      ]
    )

  def projection(name: str, heads: int) -> Params:
    return {
      "kernel": stacked(f"self_attn.{name}_proj.weight", width, heads, dim),
      "bias": stacked(f"self_attn.{name}_proj.bias", heads, dim),
    }

  def norm(name: str) -> Params:
    return {"scale": stacked(f"{name}.weight", width)}

  def linear(name: str, *shape: int) -> Params:
    return {"kernel": stacked(f"{name}_proj.weight", *shape)}

  params: Params = {
    "embedding": state["model.embed_tokens.weight"],
    "final_norm": {"scale": state["model.norm.weight"]},
    "layers": {
      "attention": {
        "q": projection("q", cfg.num_heads),
        "k": projection("k", cfg.num_kv_heads),
        "v": projection("v", cfg.num_kv_heads),
        "o": linear("self_attn.o", cfg.num_heads, dim, width),
      },
      "attention_norm": norm("input_layernorm"),
      "mlp": {
        "gate": linear("mlp.gate", width, cfg.mlp_dim),
        "up": linear("mlp.up", width, cfg.mlp_dim),
        "down": linear("mlp.down", cfg.mlp_dim, width),
      },
      "mlp_norm": norm("post_attention_layernorm"),
    },
  }
  if not cfg.tied_embeddings:
    params["unembedding"] = state["lm_head.weight"].T
  return params
