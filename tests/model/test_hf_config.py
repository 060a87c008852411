"""Every Qwen2 config.json is read as transformers reads it, or refused."""

import copy
import dataclasses

import pytest

from rrm_jax import config
from rrm_jax.model import hf_config, presets

# As transformers 4 wrote it for Qwen2.5-7B.
OLD = {
  "architectures": ["Qwen2ForCausalLM"],
  "attention_dropout": 0.0,
  "bos_token_id": 151643,
  "eos_token_id": 151643,
  "hidden_act": "silu",
  "hidden_size": 3584,
  "initializer_range": 0.02,
  "intermediate_size": 18944,
  "max_position_embeddings": 131072,
  "max_window_layers": 28,
  "model_type": "qwen2",
  "num_attention_heads": 28,
  "num_hidden_layers": 28,
  "num_key_value_heads": 4,
  "rms_norm_eps": 1e-06,
  "rope_theta": 1000000.0,
  "sliding_window": 131072,
  "tie_word_embeddings": False,
  "torch_dtype": "bfloat16",
  "transformers_version": "4.40.1",
  "use_cache": True,
  "use_mrope": False,
  "use_sliding_window": False,
  "vocab_size": 152064,
}
# As transformers 5 writes a small one.
NEW = {
  "architectures": ["Qwen2ForCausalLM"],
  "attention_dropout": 0.0,
  "bos_token_id": None,
  "dtype": "float32",
  "eos_token_id": 5,
  "head_dim": 32,
  "hidden_act": "silu",
  "hidden_size": 64,
  "initializer_range": 0.02,
  "intermediate_size": 96,
  "layer_types": ["full_attention", "sliding_attention", "full_attention"],
  "max_position_embeddings": 256,
  "max_window_layers": 28,
  "model_type": "qwen2",
  "num_attention_heads": 4,
  "num_hidden_layers": 3,
  "num_key_value_heads": 2,
  "pad_token_id": None,
  "rms_norm_eps": 1e-05,
  "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
  "sliding_window": 7,
  "tie_word_embeddings": True,
  "transformers_version": "5.23.0",
  "use_cache": True,
  "use_sliding_window": True,
  "vocab_size": 80,
}
YARN = {"factor": 4.0, "original_max_position_embeddings": 32768}
GONE = object()


def changed(found, changes):
  """A config with fields set, or taken out by GONE."""
  found = copy.deepcopy(found) | changes
  return {name: value for name, value in found.items() if value is not GONE}


def read(found):
  return hf_config.from_hf_config(found, "x/config.json")


def test_transformers_4():
  assert read(OLD) == presets.preset("qwen2.5-7b")


def test_transformers_5():
  assert read(NEW) == config.Model(
    vocab_size=80,
    embed_dim=64,
    mlp_dim=96,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    head_dim=32,
    rope_theta=1e4,
    norm_eps=1e-5,
    tied_embeddings=True,
    max_positions=256,
    sliding_window=7,
    sliding_layers=(1,),
  )


def test_the_compute_dtype_is_ours_to_choose():
  made = hf_config.from_hf_config(OLD, "x", "bfloat16")
  assert made == dataclasses.replace(read(OLD), compute_dtype="bfloat16")


@pytest.mark.parametrize(
  ("base", "changes", "fields"),
  [
    (OLD, {"rope_theta": 10000}, {"rope_theta": 1e4}),
    (OLD, {"rope_scaling": None}, {}),
    (OLD, {"rope_scaling": {}}, {}),
    (OLD, {"rope_scaling": {"type": "default"}}, {}),
    (OLD, {"partial_rotary_factor": 1.0}, {}),
    (OLD, {"architectures": None}, {}),
    (OLD, {"architectures": GONE}, {}),
    (OLD, {"auto_map": {"AutoTokenizer": "a.B"}}, {}),
    (OLD, {"tie_word_embeddings": GONE}, {}),
    (OLD, {"head_dim": None}, {}),
    (OLD, {"head_dim": 64}, {"head_dim": 64}),
    (OLD, {"num_key_value_heads": None}, {"num_kv_heads": 28}),
    # Windows: from a layer on, in all, in none.
    (
      OLD,
      {"use_sliding_window": True, "max_window_layers": 25},
      {"sliding_window": 131_072, "sliding_layers": (25, 26, 27)},
    ),
    (
      OLD,
      {"use_sliding_window": True, "max_window_layers": 0},
      {"sliding_window": 131_072, "sliding_layers": tuple(range(28))},
    ),
    (OLD, {"use_sliding_window": True}, {}),
    (
      OLD,
      {
        "use_sliding_window": True,
        "max_window_layers": 0,
        "sliding_window": None,
      },
      {},
    ),
    (
      OLD,
      {
        "use_sliding_window": True,
        "max_window_layers": 27,
        "sliding_window": GONE,
      },
      {"sliding_window": 4096, "sliding_layers": (27,)},
    ),
    (
      NEW,
      {"layer_types": GONE, "max_window_layers": 2},
      {"sliding_layers": (2,)},
    ),
    (
      NEW,
      {"layer_types": ["full_attention"] * 3},
      {"sliding_window": 0, "sliding_layers": ()},
    ),
    # YaRN, as either version says it.
    (
      OLD,
      {"rope_scaling": {"type": "yarn", **YARN}},
      {"yarn": config.Yarn(4.0, 32_768)},
    ),
    (
      OLD,
      {"rope_scaling": {"rope_type": "yarn", "type": "yarn", **YARN}},
      {"yarn": config.Yarn(4.0, 32_768)},
    ),
    (
      OLD,
      {"rope_scaling": {"rope_type": "yarn", "factor": 2}},
      {"yarn": config.Yarn(2.0, 131_072)},
    ),
    (
      OLD,
      {
        "rope_theta": GONE,
        "rope_parameters": {
          "rope_theta": 5e5,
          "rope_type": "yarn",
          "beta_fast": 16,
          "beta_slow": 2,
          "attention_factor": 1,
          "truncate": False,
          "mscale": None,
          **YARN,
        },
      },
      {
        "rope_theta": 5e5,
        "yarn": config.Yarn(4.0, 32_768, 16.0, 2.0, 1.0, False),
      },
    ),
  ],
)
def test_what_is_accepted(base, changes, fields):
  found = changed(base, changes)
  before = copy.deepcopy(found)
  assert read(found) == dataclasses.replace(read(base), **fields)
  assert found == before
