"""What of a config.json is refused, by name."""

import json

import pytest

from rrm_jax.model import hf_config, presets
from tests.model.test_hf_config import GONE, OLD, YARN, changed, read


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"model_type": "qwen2_moe"}, "model_type='qwen2_moe' is another"),
    ({"model_type": "qwen3"}, "model_type='qwen3'"),
    ({"model_type": "llama"}, "model_type='llama'"),
    ({"model_type": GONE}, "model_type is missing"),
    (
      {"architectures": ["Qwen2ForSequenceClassification"]},
      r"architectures=\['Qwen2ForSequenceClassification'\] must be",
    ),
    ({"hidden_act": "gelu"}, "hidden_act='gelu' is not supported, only 'silu'"),
    ({"use_mrope": True}, "use_mrope=True"),
    ({"is_causal": False}, "is_causal=False is not supported"),
    ({"partial_rotary_factor": 0.5}, "partial_rotary_factor=0.5"),
    ({"quantization_config": {"bits": 4}}, r"quantization_config=\{'bits': 4"),
    ({"compression_config": {}}, "compression_config"),
    ({"auto_map": {"AutoModelForCausalLM": "a.B"}}, "auto_map=.*model code"),
    ({"hidden_size": GONE}, "hidden_size is missing"),
    ({"hidden_size": None}, "hidden_size=None is missing"),
    ({"hidden_size": 3584.0}, "hidden_size=3584.0 is float, must be int"),
    ({"hidden_size": "3584"}, "hidden_size='3584' is str, must be int"),
    ({"hidden_size": True}, "hidden_size=True is bool, must be int"),
    ({"hidden_size": 0}, "hidden_size=0 must be at least 1"),
    ({"hidden_size": 3585}, "hidden_size=3585 is no multiple"),
    ({"intermediate_size": -1}, "intermediate_size=-1"),
    ({"num_hidden_layers": GONE}, "num_hidden_layers is missing"),
    ({"num_attention_heads": 0}, "num_attention_heads=0"),
    ({"num_key_value_heads": GONE}, "num_key_value_heads is missing"),
    ({"num_key_value_heads": 0}, "num_key_value_heads=0"),
    ({"num_key_value_heads": 3}, "num_heads=28 is no multiple of"),
    ({"head_dim": 7}, "head_dim=7 must be even"),
    ({"vocab_size": None}, "vocab_size=None is missing"),
    ({"max_position_embeddings": GONE}, "max_position_embeddings is missing"),
    ({"rms_norm_eps": GONE}, "rms_norm_eps is missing"),
    ({"rms_norm_eps": "1e-6"}, "rms_norm_eps='1e-6' is str"),
    ({"rms_norm_eps": 0.0}, "rms_norm_eps=0.0 must be a finite number"),
    ({"rms_norm_eps": float("nan")}, "rms_norm_eps=nan must be a finite"),
    ({"tie_word_embeddings": 1}, "tie_word_embeddings=1 is int"),
    # Windows.
    ({"use_sliding_window": "yes"}, "use_sliding_window='yes' is str"),
    (
      {"use_sliding_window": True, "sliding_window": 0},
      "sliding_window=0 must be at least 1",
    ),
    (
      {"use_sliding_window": True, "max_window_layers": -1},
      "max_window_layers=-1 must be at least 0",
    ),
    ({"layer_types": ["full_attention"]}, "layer_types=.*28 layers"),
    ({"layer_types": ["linear_attention"] * 28}, "layer_types=.*must name"),
    ({"layer_types": [["full_attention"]] * 28}, "layer_types=.*must name"),
    ({"layer_types": 28}, "layer_types=28 is int, must be list"),
    (
      {"layer_types": ["sliding_attention"] * 28},
      "layer_types=.*slide without use_sliding_window",
    ),
    # Rope.
    ({"rope_theta": GONE}, "rope_theta is missing"),
    ({"rope_theta": "1e6"}, "rope_theta='1e6' is str"),
    ({"rope_theta": 1.0}, "rope_theta=1.0 .*above 1"),
    ({"rope_parameters": {"rope_theta": 1e4}}, r"rope_theta=.* given twice"),
    ({"rope_scaling": "yarn"}, "rope_scaling='yarn' is str, must be dict"),
    (
      {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
      "rope_scaling: rope_type='linear' is not supported",
    ),
    (
      {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
      "rope_scaling: type='dynamic' is not supported",
    ),
    ({"rope_scaling": {"type": "mrope"}}, "type='mrope'"),
    ({"rope_parameters": {"rope_type": "llama3"}}, "rope_type='llama3'"),
    (
      {"rope_scaling": {"rope_type": "default", "type": "yarn", **YARN}},
      "rope_type='default'",
    ),
    (
      {"rope_scaling": {"type": "default", "mrope_section": [16, 24, 24]}},
      r"mrope_section=\[16, 24, 24\] is not supported",
    ),
    (
      {"rope_scaling": {"type": "default", "factor": 4.0}},
      "factor=4.0 is not supported with rope type 'default'",
    ),
    (
      {"rope_scaling": {"type": "yarn", "mscale": 1.0, **YARN}},
      "rope_scaling: mscale=1.0",
    ),
    (
      {"rope_scaling": {"type": "yarn", "mscale_all_dim": 1.0, **YARN}},
      "mscale_all_dim=1.0",
    ),
    (
      {"rope_scaling": {"type": "yarn", "partial_rotary_factor": 0.5, **YARN}},
      "partial_rotary_factor=0.5",
    ),
    ({"rope_scaling": {"type": "yarn"}}, "rope_scaling: factor is missing"),
    ({"rope_scaling": {"type": "yarn", "factor": 0.5}}, "factor=0.5"),
    ({"rope_scaling": {"type": "yarn", "factor": "4"}}, "factor='4' is str"),
    (
      {"rope_scaling": {"type": "yarn", **YARN, "truncate": 1}},
      "truncate=1 is int",
    ),
    (
      {"rope_scaling": {"type": "yarn", **YARN, "beta_fast": 0.5}},
      "beta_fast=0.5 is below beta_slow=1.0",
    ),
    (
      {"rope_scaling": {"type": "yarn", **YARN, "beta_fats": 0.5}},
      "beta_fats=0.5 is not supported",
    ),
    (
      {
        "rope_scaling": {"type": "yarn", **YARN},
        "rope_parameters": {"rope_type": "default"},
      },
      "rope_scaling=.* disagrees with rope_parameters",
    ),
    # By layer type, as other architectures have it.
    (
      {"rope_parameters": {"full_attention": {"rope_theta": 1e6}}},
      "full_attention=.* is not supported",
    ),
  ],
)
def test_what_is_refused(changes, message):
  with pytest.raises(ValueError, match=f"^x/config.json: .*{message}"):
    read(changed(OLD, changes))


def test_read_names_the_file(tmp_path):
  path = tmp_path / "config.json"
  with pytest.raises(ValueError, match=r"config\.json is missing"):
    hf_config.read(tmp_path)
  path.write_text('{\n "a": 1\n "b": 2\n}')
  with pytest.raises(ValueError, match=r"config\.json:3: "):
    hf_config.read(tmp_path)
  path.write_text("[]")
  with pytest.raises(ValueError, match="holds a list"):
    hf_config.read(tmp_path)
  path.write_text(json.dumps(changed(OLD, {"hidden_size": 1.5})))
  with pytest.raises(ValueError, match=rf"^{path}: hidden_size=1\.5 is float"):
    hf_config.read(tmp_path)
  path.write_text(json.dumps(OLD))
  assert hf_config.read(tmp_path) == presets.preset("qwen2.5-7b")
