"""Every Qwen2 config.json is read as transformers reads it, or refused."""

import copy
import dataclasses
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
IDS = ("eos_token_id", "pad_token_id", "bos_token_id")
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
  path.write_text('{\n "a": 1,\n}')
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


def test_what_is_written():
  cfg = dataclasses.replace(
    read(NEW), yarn=config.Yarn(4.0, 64), sliding_layers=(0, 2)
  )
  made = hf_config.to_hf_config(cfg, "bfloat16", eos=7, pad=0)
  yarn = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 64,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
  }
  full, sliding = "full_attention", "sliding_attention"
  assert made == {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "dtype": "bfloat16",
    "eos_token_id": 7,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 96,
    "layer_types": [sliding, full, sliding],
    "max_position_embeddings": 256,
    "max_window_layers": 2,
    "model_type": "qwen2",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 1e4, **yarn},
    "rope_scaling": yarn,
    "rope_theta": 1e4,
    "sliding_window": 7,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": True,
    "vocab_size": 80,
  }
  with pytest.raises(ValueError, match="dtype='int8' is not one of"):
    hf_config.to_hf_config(cfg, "int8")


@st.composite
def shapes(draw):
  """Fields of any model whose window, if it has one, some layer uses."""
  sizes, numbers = st.integers(1, 10**6), st.floats(1e-9, 1e9)
  kv_heads, layers = draw(st.integers(1, 9)), draw(st.integers(1, 9))
  sliding = draw(st.sets(st.integers(0, layers - 1)))
  slow = draw(st.floats(0.1, 10))
  yarns = st.builds(
    config.Yarn,
    factor=st.floats(1, 1e4),
    original_positions=sizes,
    beta_fast=st.floats(slow, 100),
    beta_slow=st.just(slow),
    attention_factor=st.none() | numbers,
    truncated=st.booleans(),
  )
  return {
    "vocab_size": draw(sizes),
    "embed_dim": draw(sizes),
    "mlp_dim": draw(sizes),
    "num_layers": layers,
    "num_heads": kv_heads * draw(st.integers(1, 9)),
    "num_kv_heads": kv_heads,
    "head_dim": 2 * draw(sizes),
    "rope_theta": draw(st.floats(1.5, 1e9)),
    "norm_eps": draw(numbers),
    "tied_embeddings": draw(st.booleans()),
    "max_positions": draw(sizes),
    "yarn": draw(st.none() | yarns),
    "sliding_window": draw(sizes) if sliding else 0,
    "sliding_layers": tuple(sorted(sliding)),
    "compute_dtype": draw(st.sampled_from(["float32", "bfloat16"])),
  }


@given(shapes(), st.sampled_from(hf_config.DTYPES), st.none() | st.integers(0))
def test_round_trip_through_json(shape, dtype, eos):
  cfg = config.Model(**shape)
  made = hf_config.to_hf_config(cfg, dtype, eos=eos)
  found = json.loads(json.dumps(made))
  assert hf_config.from_hf_config(found, "x", cfg.compute_dtype) == cfg
  # The older fields say the same on their own, save windows between layers.
  del found["rope_parameters"]
  assert hf_config.from_hf_config(found, "x", cfg.compute_dtype) == cfg
  if cfg.sliding_layers == tuple(
    range(cfg.num_layers - len(cfg.sliding_layers), cfg.num_layers)
  ):
    del found["layer_types"]
    assert hf_config.from_hf_config(found, "x", cfg.compute_dtype) == cfg


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_round_trip(name):
  cfg = presets.preset(name)
  made = hf_config.to_hf_config(cfg, "bfloat16")
  assert hf_config.from_hf_config(made, "x") == cfg
  assert "head_dim" not in made


THEIRS = {
  "plain": presets.preset("rrm-7b"),
  "windows": read(NEW),
  "yarn": dataclasses.replace(
    presets.preset("qwen2.5-7b"), yarn=config.Yarn(4.0, 32_768)
  ),
  "all of it": dataclasses.replace(
    presets.preset("qwen2.5-0.5b"),
    head_dim=32,
    yarn=config.Yarn(
      2.0, 16_384, 16.0, 2.0, attention_factor=1.1, truncated=False
    ),
    sliding_window=9,
    sliding_layers=(1, 2, 22, 23),
  ),
}


@pytest.mark.parametrize("name", THEIRS)
def test_transformers_reads_it_and_what_it_writes_is_read(
  name, tmp_path, caplog
):
  """No word of warning, the peer's own settings, and back to the same shape."""
  torch = pytest.importorskip("torch", reason="torch is the peer")
  import transformers

  from . import torch_peer

  cfg = THEIRS[name]
  made = hf_config.to_hf_config(cfg, "bfloat16", eos=5, pad=2, bos=3)
  (tmp_path / "config.json").write_text(json.dumps(made))
  logger = logging.getLogger("transformers")
  logger.addHandler(caplog.handler)
  try:
    theirs = transformers.AutoConfig.from_pretrained(tmp_path)
  finally:
    logger.removeHandler(caplog.handler)
  assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
  assert theirs.dtype is torch.bfloat16
  wanted = torch_peer.settings(cfg).to_dict()
  found = theirs.to_dict()
  assert [found[name] for name in IDS] == [5, 2, 3]
  # The peer's settings leave these at their defaults.
  drop = {"architectures", "dtype", "max_window_layers", *IDS}
  for group in (wanted, found):
    group["rope_parameters"] = {
      key: value
      for key, value in group["rope_parameters"].items()
      if value is not None and (key, value) != ("truncate", True)
    }
  compared = made.keys() & wanted.keys() - drop
  assert len(compared) > 15
  for key in compared:
    assert found[key] == wanted[key], key
  theirs.save_pretrained(tmp_path / "again")
  assert hf_config.read(tmp_path / "again") == cfg
