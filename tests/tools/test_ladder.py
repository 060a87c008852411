"""Every rung holds on a good folder; a bad one is named."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the parity tests' peer")

from rrm_jax import config, weights
from tests import hf_folders, tiny
from tools.check_parity import ladder, peer

SHAPES = {
  "plain": hf_folders.MODEL,
  "tied, yarn": dataclasses.replace(
    hf_folders.MODEL, tied_embeddings=True, yarn=config.Yarn(4.0, 16)
  ),
  "one sliding layer": dataclasses.replace(
    hf_folders.MODEL, sliding_window=5, sliding_layers=(1,)
  ),
}


def ours_of(folder, length=24):
  model = weights.model(folder, tiny.layout(), compute_dtype="float32")
  tokens = np.random.default_rng(1).integers(0, 80, (1, length))
  return ladder.Ours(model.params, model.cfg, jnp.asarray(tokens, jnp.int32))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_folder_holds(tmp_path, shape):
  folder = hf_folders.make(tmp_path / "hf", SHAPES[shape])
  rungs = ladder.ladder(ours_of(folder), peer.load(folder))
  assert [rung.name for rung in rungs] == [
    "embedding", "layer 0", "layer 1", "final norm", "logits",
    "cached decoding",
  ]  # fmt: skip
  for rung in rungs:
    assert rung.relative < 1e-5 and rung.largest < 1e-4, rung
    assert rung.running is None or rung.running < 1e-5, rung


@pytest.fixture(scope="module")
def good(tmp_path_factory):
  return hf_folders.make(tmp_path_factory.mktemp("good") / "hf")


FAULTS = {
  "model.embed_tokens.weight": ("embedding", None),
  "model.layers.0.self_attn.k_proj.bias": ("layer 0", "attention"),
  "model.layers.1.self_attn.o_proj.weight": ("layer 1", "attention"),
  "model.layers.1.mlp.up_proj.weight": ("layer 1", "mlp"),
  "model.layers.1.input_layernorm.weight": ("layer 1", "attention_norm"),
  "model.layers.0.post_attention_layernorm.weight": ("layer 0", "mlp_norm"),
  "model.norm.weight": ("final norm", None),
  "lm_head.weight": ("logits", None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_faulty_rung_alone_is_off(tmp_path, good, name):
  bad = hf_folders.make(tmp_path / "bad")
  hf_folders.perturb(bad, name, 1.1)
  ours, model = ours_of(bad), peer.load(good)
  rungs = ladder.ladder(ours, model)
  place, part = FAULTS[name]
  off = [rung.name for rung in rungs if rung.off]
  assert off == [place, "cached decoding"]
  if part is not None:
    seen, _ = peer.read(model, np.asarray(ours.tokens))
    assert ladder.faulty_part(ours, seen, int(place[-1])).name == part


def test_running_errors_build_up(tmp_path, good):
  bad = hf_folders.make(tmp_path / "bad")
  hf_folders.perturb(bad, "model.layers.0.mlp.down_proj.weight", 1.1)
  rungs = {r.name: r for r in ladder.ladder(ours_of(bad), peer.load(good))}
  assert not rungs["layer 1"].off
  assert rungs["layer 1"].running > ladder.TOLERANCE
  assert rungs["logits"].running > ladder.TOLERANCE


def test_a_wrong_config_is_found_where_it_is_used(tmp_path, good):
  bad = hf_folders.make(tmp_path / "bad")
  values = json.loads((bad / "config.json").read_text())
  values["rope_theta"] = values["rope_parameters"]["rope_theta"] = 20_000.0
  (bad / "config.json").write_text(json.dumps(values))
  ours, model = ours_of(bad), peer.load(good)
  first = next(r for r in ladder.ladder(ours, model) if r.off)
  assert first.name == "layer 0"
  seen, _ = peer.read(model, np.asarray(ours.tokens))
  assert ladder.faulty_part(ours, seen, 0).name == "attention"


def test_nan_is_off():
  assert ladder.Rung("x", float("nan"), float("nan")).off
  assert ladder.Rung("x", 0.0, 2e-4).off
  assert not ladder.Rung("x", 1.0, 1e-5).off
