"""Hugging Face folders taken wherever a workdir is."""

import dataclasses
import json
import shlex

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import config, pretrained, weights, workdir
from rrm_jax.model import hf_config
from rrm_jax.train import importing, loading
from tests import hf_folders, small_job, tiny

MODEL = hf_folders.MODEL


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return hf_folders.make(
    tmp_path_factory.mktemp("hf") / "model", dtype="bfloat16"
  )


def job_of(init_from, model=MODEL):
  values = small_job.mapping() | {"init_from": str(init_from)}
  return config.from_mapping(
    config.Job, values | {"model": config.to_mapping(model)}
  )


def rounded(cfg=MODEL, seed=0):
  """The folder's weights, as f32."""
  return jax.tree.map(
    lambda x: np.asarray(jnp.asarray(x, jnp.bfloat16), np.float32),
    tiny.params(cfg, seed),
  )


def assert_equal(one, other):
  jax.tree.map(np.testing.assert_array_equal, one, other)


def test_told_apart(tmp_path, folder):
  workdir.write_config(tmp_path / "workdir", job_of(""))
  assert pretrained.is_hf(folder)
  assert not pretrained.is_hf(tmp_path / "workdir")
  with pytest.raises(ValueError, match=r"config\.json does not exist"):
    pretrained.is_hf(tmp_path)
  (tmp_path / "config.json").write_text('{"a": 1}')
  with pytest.raises(ValueError, match="neither"):
    pretrained.is_hf(tmp_path)
  (tmp_path / "config.json").write_text("[1")
  with pytest.raises(ValueError, match="is no JSON"):
    pretrained.is_hf(tmp_path)


@pytest.mark.parametrize(
  ("asked", "computes"),
  [("auto", "float32"), ("float32", "float32"), ("bfloat16", "bfloat16")],
)
def test_loaded_in_the_dtype_that_it_computes_in(folder, asked, computes):
  found = weights.model(folder, tiny.layout(fsdp=4), compute_dtype=asked)
  assert found.cfg == dataclasses.replace(MODEL, compute_dtype=computes)
  assert {str(x.dtype) for x in jax.tree.leaves(found.params)} == {computes}
  assert_equal(
    jax.tree.map(lambda x: np.asarray(x, np.float32), found.params), rounded()
  )
  assert found.template == config.Template()
  assert found.tokenizer.vocab_size <= MODEL.vocab_size


def test_a_folder_has_one_set_of_weights(folder):
  with pytest.raises(ValueError, match=r"'rl@3'.*one set of weights"):
    weights.model(folder, tiny.layout(), "rl@3")


def test_a_vocabulary_too_small(tmp_path):
  made = hf_folders.make(tmp_path / "hf", tiny.variant(vocab_size=70))
  with pytest.raises(ValueError) as error:
    weights.model(made, tiny.layout())
  assert str(made / "config.json") in str(error.value)
  assert str(made / "tokenizer.json") in str(error.value)
  assert "vocab_size=70" in str(error.value)


def test_masters_are_f32(folder):
  for model in (MODEL, tiny.variant(**vars(MODEL) | {"remat": "full"})):
    job = job_of(folder, dataclasses.replace(model, compute_dtype="bfloat16"))
    begun = loading.initial_params(job, 0, tiny.layout(fsdp=2))
    assert {str(x.dtype) for x in jax.tree.leaves(begun)} == {"float32"}
    assert_equal(begun, rounded())


def test_another_model_lists_the_flags(folder):
  here = dataclasses.replace(
    MODEL, rope_theta=5.0, tied_embeddings=True, sliding_window=4,
    sliding_layers=(1,), remat="full",
  )  # fmt: skip
  with pytest.raises(ValueError) as error:
    loading.initial_params(job_of(folder, here), 0, tiny.layout())
  flags = shlex.split(str(error.value).partition("shape: ")[2])
  assert set(flags) == {
    "--config.model.rope_theta=10000.0",
    "--config.model.tied_embeddings=False",
    "--config.model.sliding_window=0",
    "--config.model.sliding_layers=()",
  }


def test_another_rope_is_said_for_the_config_file(tmp_path):
  yarn = config.Yarn(4.0, 16)
  made = hf_folders.make(tmp_path / "hf", dataclasses.replace(MODEL, yarn=yarn))
  with pytest.raises(ValueError, match=r'model\["yarn"\] = {.*4\.0') as error:
    loading.initial_params(job_of(made), 0, tiny.layout())
  assert "--config" not in str(error.value)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_imported(tmp_path, dtype):
  made = hf_folders.make(tmp_path / "hf", dtype=dtype)
  size = importing.import_folder(made, tmp_path / "new" / "workdir")
  # It is moved, and its source is gone.
  moved = (tmp_path / "new" / "workdir").rename(tmp_path / "moved")
  made.rename(tmp_path / "gone")
  direct = weights.model(
    tmp_path / "gone", tiny.layout(), compute_dtype="float32"
  )
  width = 4 if dtype == "float32" else 2
  assert size == width * sum(x.size for x in jax.tree.leaves(direct.params))
  found = weights.model(moved, tiny.layout(), compute_dtype="float32")
  assert_equal(found.params, direct.params)
  assert found.cfg == direct.cfg
  assert found.template == direct.template
  assert (
    weights.model(moved, tiny.layout()).cfg.compute_dtype
    == {4: "float32", 2: "bfloat16"}[width]
  )
  text = "+1 .  -2"
  assert found.tokenizer.vocab_size == direct.tokenizer.vocab_size, text
  job = workdir.read_config(moved)
  stored = weights.saved_params(job, moved, "imported", tiny.layout(), None)
  assert {str(x.dtype) for x in jax.tree.leaves(stored)} == {dtype}
  begun = loading.initial_params(job_of(moved), 0, tiny.layout(fsdp=4))
  assert_equal(begun, direct.params)
  with pytest.raises(ValueError, match="no stage 'rl', only"):
    weights.saved_params(job, moved, "rl", tiny.layout())


def test_import_refuses(tmp_path, folder):
  (tmp_path / "full").mkdir()
  (tmp_path / "full" / "precious").touch()
  with pytest.raises(ValueError, match="not empty"):
    importing.import_folder(folder, tmp_path / "full")
  workdir.write_config(tmp_path / "workdir", job_of(""))
  with pytest.raises(ValueError, match="workdir already"):
    importing.import_folder(tmp_path / "workdir", tmp_path / "out")
  assert {p.name for p in tmp_path.iterdir()} == {"full", "workdir"}


def _cut(folder):
  path = sorted(folder.glob("*.safetensors"))[1]
  path.write_bytes(path.read_bytes()[:-8])
  return path.name


def _remove(folder):
  path = sorted(folder.glob("*.safetensors"))[1]
  path.unlink()
  return path.name


def _shape(folder):
  path = folder / "config.json"
  values = json.loads(path.read_text())
  path.write_text(json.dumps(values | {"intermediate_size": 40}))
  return "mlp."


def _tokenizer(folder):
  for path in folder.glob("tokenizer*"):
    path.unlink()
  return "tokenizer"


@pytest.mark.parametrize("damage", [_cut, _remove, _shape, _tokenizer])
def test_a_failed_import_leaves_nothing(tmp_path, damage):
  made = hf_folders.make(tmp_path / "hf", shard_bytes=20_000)
  word = damage(made)
  with pytest.raises(ValueError) as error:
    importing.import_folder(made, tmp_path / "out")
  assert word in str(error.value) and str(made) in str(error.value)
  assert [p.name for p in tmp_path.iterdir()] == ["hf"]


def test_a_folder_in_many_files(tmp_path):
  one = hf_folders.make(tmp_path / "one")
  many = hf_folders.make(tmp_path / "many", shard_bytes=10_000)
  assert len([*many.glob("*.safetensors")]) > 3
  assert_equal(
    weights.model(many, tiny.layout()).params,
    weights.model(one, tiny.layout()).params,
  )


def test_the_shape_is_the_folders(folder):
  assert hf_config.read(folder) == MODEL
  assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
