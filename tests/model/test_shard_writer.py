"""What is written is what transformers and the library would write."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors

from rrm_jax.model import hf, shard_reader, shard_writer, shards
from tests import hf_folders, tiny

CFG = hf_folders.MODEL
SHAPES = {"a": (3, 5), "b": (7,), "c": (2, 2, 2), "d": (100,)}


def arrays(dtype="float32"):
  rng = np.random.default_rng(0)
  return {
    name: rng.standard_normal(shape).astype(jnp.dtype(dtype))
    for name, shape in SHAPES.items()
  }


def write(folder, shard_bytes, dtype="float32"):
  held = arrays(dtype)
  values = iter(held.values())
  shard_writer.write(folder, SHAPES, dtype, values, shard_bytes)
  return held


def names(folder):
  return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shard_bytes", [1, 100, 10_000])
def test_the_library_reads_it(tmp_path, shard_bytes, dtype):
  held = write(tmp_path, shard_bytes, dtype)
  seen = {}
  for file in tmp_path.glob("*.safetensors"):
    data = file.read_bytes()
    assert int.from_bytes(data[:8], "little") % 8 == 0
    with safetensors.safe_open(file, "np") as f:
      assert f.metadata() == {"format": "pt"}
      seen |= {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
  assert seen.keys() == held.keys()
  for name, array in held.items():
    assert seen[name].dtype == array.dtype
    np.testing.assert_array_equal(seen[name], array)


def test_slices_are_the_librarys(tmp_path, monkeypatch):
  monkeypatch.setattr(shard_reader, "_BLOCK", 64)  # more than one of them
  held = {"x": np.arange(6 * 5 * 4, dtype=np.float32).reshape(6, 5, 4)}
  shard_writer.write(
    tmp_path, {"x": (6, 5, 4)}, "float32", held.values(), 1 << 30
  )
  tensor = shards.tensors(tmp_path)["x"]
  for index in np.s_[:, :, :], np.s_[1:4, 2:, :3], np.s_[5:, :1, 1:2]:
    got = shard_reader.read(tensor, (6, 5, 4), index)
    np.testing.assert_array_equal(got, held["x"][index])
    assert got.ctypes.data % 64 == 0
  got = shard_reader.read(tensor, (3, 40), np.s_[1:2, 7:9])
  np.testing.assert_array_equal(got, [[47, 48]])
  assert shard_reader.equal(tensor, held["x"])
  assert not shard_reader.equal(tensor, held["x"].reshape(30, 4))
  assert not shard_reader.equal(tensor, held["x"].view(np.int32))
  held["x"][5, 4, 3] += 1
  assert not shard_reader.equal(tensor, held["x"])


def test_bits_are_compared_not_values(tmp_path):
  values = np.array([0.0, np.nan], np.float32)
  shard_writer.write(tmp_path, {"x": (2,)}, "float32", [values], 100)
  tensor = shards.tensors(tmp_path)["x"]
  assert shard_reader.equal(tensor, values)
  assert not shard_reader.equal(tensor, values * np.float32(-1))


def test_names_and_index_by_hand(tmp_path):
  write(tmp_path / "one", 10_000)
  assert names(tmp_path / "one") == ["model.safetensors"]
  # 60 + 28 bytes fit, 32 more do not; 400 are more than a file's.
  write(tmp_path / "many", 100)
  files = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
  index = "model.safetensors.index.json"
  assert names(tmp_path / "many") == [*files, index]
  assert json.loads((tmp_path / "many" / index).read_text()) == {
    "metadata": {"total_size": 4 * (15 + 7 + 8 + 100)},
    "weight_map": {
      "a": files[0], "b": files[0], "c": files[1], "d": files[2],
    },
  }  # fmt: skip


@pytest.mark.parametrize("shard_bytes", [30_000, 50_000, 1 << 30])
def test_shards_are_those_of_transformers(tmp_path, shard_bytes):
  torch = pytest.importorskip("torch", reason="torch is the peer")
  from tests.model import torch_peer

  model = torch_peer.build(tiny.MODEL).to(torch.float32)
  model.save_pretrained(tmp_path / "a", max_shard_size=shard_bytes)
  params = hf.load(tmp_path / "a", tiny.MODEL, tiny.layout())
  hf.save(params, tiny.MODEL, tmp_path / "b", "float32", shard_bytes)
  ours, theirs = names(tmp_path / "b"), names(tmp_path / "a")
  assert ours == [name for name in theirs if name.startswith("model")]
  if shards.INDEX in ours:
    ours, theirs = (
      json.loads((tmp_path / x / shards.INDEX).read_text()) for x in "ba"
    )
    assert ours["weight_map"] == theirs["weight_map"]
    total = theirs["metadata"]["total_size"]
    assert ours["metadata"]["total_size"] == total


def test_a_failed_write_leaves_nothing(tmp_path):
  def broken():
    yield from list(arrays().values())[:2]
    raise OSError("disk full")

  with pytest.raises(OSError, match="disk full"):
    shard_writer.write(tmp_path, SHAPES, "float32", broken(), 100)
  assert names(tmp_path) == []


def test_no_file_has_its_name_before_all_are_whole(tmp_path):
  def watched():
    for array in arrays().values():
      assert not list(tmp_path.glob("*.safetensors"))
      assert not (tmp_path / shards.INDEX).exists()
      yield array

  shard_writer.write(tmp_path, SHAPES, "float32", watched(), 1)
  assert len(names(tmp_path)) == 5


def test_what_a_killed_run_left_is_no_obstacle(tmp_path):
  (tmp_path / "model.safetensors.partial").write_bytes(b"half")
  write(tmp_path, 10_000)
  assert names(tmp_path) == ["model.safetensors"]


def test_weights_are_not_overwritten(tmp_path):
  folder = hf_folders.make(tmp_path / "a")
  params = hf.load(folder, CFG, tiny.layout())
  file = folder / "model.safetensors"
  with pytest.raises(ValueError, match="is there already; remove it"):
    hf.save(params, CFG, folder, "float32")
  with pytest.raises(ValueError, match="is a file"):
    hf.save(params, CFG, file, "float32")
  file.rename(folder / shards.INDEX)
  with pytest.raises(ValueError, match=r"index\.json is there already"):
    hf.save(params, CFG, folder, "float32")


def test_wrong_arguments(tmp_path):
  params = tiny.placed(tiny.params(CFG), tiny.layout(), CFG)
  with pytest.raises(ValueError, match="dtype='fp16' is none of float32"):
    hf.save(params, CFG, tmp_path, "fp16")
  with pytest.raises(ValueError, match="shard_bytes=0 must be"):
    hf.save(params, CFG, tmp_path, "float32", shard_bytes=0)
  with pytest.raises(ValueError, match="dtype='fp16' is none of float32"):
    hf.load(tmp_path, CFG, tiny.layout(), "fp16")
  other = tiny.variant(mlp_dim=50, vocab_size=80)
  with pytest.raises(ValueError, match=r"parameter layers/mlp/down/kernel is"):
    hf.save(params, other, tmp_path, "float32")
  params.pop("unembedding")
  with pytest.raises(ValueError, match="parameter unembedding is missing"):
    hf.save(params, CFG, tmp_path, "float32")
  assert names(tmp_path) == []


@pytest.mark.parametrize(
  "value, dtype, fits",
  [
    (65_504.0, "float16", True),
    (65_519.0, "float16", True),
    (65_520.0, "float16", False),
    (-7e4, "float16", False),
    (3.3895e38, "bfloat16", True),
    (3.4e38, "bfloat16", False),
    (3.4e38, "float32", True),
  ],
)
def test_too_large_a_value_is_named(tmp_path, value, dtype, fits):
  tree = tiny.params(CFG)
  tree["layers"]["mlp"]["up"]["kernel"][1, 3, 5] = value
  params = tiny.placed(tree, tiny.layout(), CFG)
  if fits:
    hf.save(params, CFG, tmp_path, dtype)
    return
  with pytest.raises(
    ValueError, match=rf"layers\.1\.mlp\.up_proj\.weight .*{dtype} cannot hold"
  ):
    hf.save(params, CFG, tmp_path, dtype)
  assert names(tmp_path) == []


def test_a_large_bf16_value_is_too_large_for_f16(tmp_path):
  tree = tiny.params(CFG)
  tree["final_norm"]["scale"][0] = 1e5
  params = tiny.placed(tree, tiny.layout(), CFG)
  short = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
  with pytest.raises(ValueError, match=r"model\.norm\.weight .*65504"):
    hf.save(short, CFG, tmp_path, "float16")


def test_verify_finds_one_bit(tmp_path):
  folder = hf_folders.make(tmp_path / "a", dtype="bfloat16", shard_bytes=9_000)
  params = tiny.placed(tiny.params(CFG), tiny.layout(fsdp=2), CFG)
  hf.verify(params, CFG, folder, "bfloat16")
  name = "model.layers.0.mlp.down_proj.weight"
  tensor = shards.tensors(folder)[name]
  with tensor.file.open("r+b") as f:
    f.seek(tensor.stop - 2)
    byte = f.read(1)[0]
    f.seek(tensor.stop - 2)
    f.write(bytes([byte ^ 1]))
  message = f"{name} in .*{tensor.file.name}.*1 of 27 tensors"
  with pytest.raises(ValueError, match=message):
    hf.verify(params, CFG, folder, "bfloat16")


def test_verify_wants_the_dtype(tmp_path):
  folder = hf_folders.make(tmp_path / "a")
  params = tiny.placed(tiny.params(CFG), tiny.layout(), CFG)
  with pytest.raises(ValueError, match="are float32, not bfloat16"):
    hf.verify(params, CFG, folder, "bfloat16")
