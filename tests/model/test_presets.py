"""Presets have the parameters that were published."""

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrm_jax import config
from rrm_jax.model import presets, qwen2

COUNTS = {
  "qwen2-0.5b": 494_032_768,
  "qwen2-1.5b": 1_543_714_304,
  "qwen2-7b": 7_615_616_512,
  "qwen2-72b": 72_706_203_648,
  "qwen2.5-0.5b": 494_032_768,
  "qwen2.5-1.5b": 1_543_714_304,
  "qwen2.5-3b": 3_085_938_688,
  "qwen2.5-7b": 7_615_616_512,
  "qwen2.5-14b": 14_770_033_664,
  "qwen2.5-32b": 32_763_876_352,
  "qwen2.5-72b": 72_706_203_648,
  "deepseek-r1-distill-qwen-1.5b": 1_777_088_000,
  "deepseek-r1-distill-qwen-7b": 7_615_616_512,
  "deepseek-r1-distill-qwen-14b": 14_770_033_664,
  "deepseek-r1-distill-qwen-32b": 32_763_876_352,
  "rrm-7b": 7_615_616_512,
  "rrm-32b": 32_763_876_352,
}
# What a count does not show: theta, epsilon, the longest row.
NUMBERS = {
  "qwen2-0.5b": (1e6, 1e-6, 131_072),
  "qwen2-1.5b": (1e6, 1e-6, 131_072),
  "qwen2-7b": (1e6, 1e-6, 131_072),
  "qwen2-72b": (1e6, 1e-5, 131_072),
  "qwen2.5-0.5b": (1e6, 1e-6, 32_768),
  "qwen2.5-1.5b": (1e6, 1e-6, 131_072),
  "qwen2.5-3b": (1e6, 1e-6, 32_768),
  "qwen2.5-7b": (1e6, 1e-6, 131_072),
  "qwen2.5-14b": (1e6, 1e-5, 131_072),
  "qwen2.5-32b": (1e6, 1e-5, 131_072),
  "qwen2.5-72b": (1e6, 1e-5, 131_072),
  "deepseek-r1-distill-qwen-1.5b": (1e4, 1e-6, 131_072),
  "deepseek-r1-distill-qwen-7b": (1e4, 1e-6, 131_072),
  "deepseek-r1-distill-qwen-14b": (1e6, 1e-5, 131_072),
  "deepseek-r1-distill-qwen-32b": (1e6, 1e-5, 131_072),
  "rrm-7b": (1e4, 1e-6, 131_072),
  "rrm-32b": (1e6, 1e-5, 131_072),
}
TIED = {
  "qwen2-0.5b",
  "qwen2-1.5b",
  "qwen2.5-0.5b",
  "qwen2.5-1.5b",
  "qwen2.5-3b",
}


def test_every_preset_is_checked():
  assert presets.PRESETS.keys() == COUNTS.keys() == NUMBERS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
  shapes = qwen2.abstract(presets.preset(name))
  assert sum(x.size for x in jax.tree.leaves(shapes)) == COUNTS[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_no_count_shows(name):
  cfg = presets.preset(name)
  found = (cfg.rope_theta, cfg.norm_eps, cfg.max_positions)
  assert found == NUMBERS[name]
  assert cfg.head_dim == (64 if name.endswith("0.5b") else 128)
  assert cfg.tied_embeddings is (name in TIED)
  small = cfg.embed_dim <= 2_048
  assert cfg.vocab_size == (151_936 if small else 152_064)
  assert cfg.yarn is None and not cfg.sliding_layers


def test_the_nearest_name_is_given():
  with pytest.raises(ValueError, match=r"'RRM-7b' is .* mean 'rrm-7b'\?"):
    presets.preset("RRM-7b")
  with pytest.raises(ValueError, match=r"mean 'qwen2\.5-14b'\?"):
    presets.preset("qwen2.5_14b")


@given(st.text())
def test_no_other_name_passes(name):
  if name not in COUNTS:
    with pytest.raises(ValueError, match="is no preset; did you mean"):
      presets.preset(name)


def test_a_preset_can_stand_in_a_config():
  mapping = config.to_mapping(presets.preset("rrm-7b"))
  assert config.from_mapping(config.Model, mapping) == presets.preset("rrm-7b")
