"""config.json as we write it: what others read, and what we read again."""

import dataclasses
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.model import hf_config, presets
from tests.model.test_hf_config import NEW, read

IDS = ("eos_token_id", "pad_token_id", "bos_token_id")


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
