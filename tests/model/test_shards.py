"""A damaged or foreign folder is named, tensor by tensor, before it is read."""

import json
import shutil

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from rrm_jax.model import hf, shard_reader, shards
from tests import hf_folders, tiny

Q = "model.layers.1.self_attn.q_proj.weight"
HEAD = "lm_head.weight"


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
  """A folder with one file, and one with many."""
  top = tmp_path_factory.mktemp("folders")
  one = hf_folders.make(top / "one")
  many = hf_folders.make(top / "many", shard_bytes=12_000)
  assert len(list(many.glob("*.safetensors"))) > 4
  return {"one": one, "many": many}


@pytest.fixture
def one(originals, tmp_path):
  return shutil.copytree(originals["one"], tmp_path / "one")


@pytest.fixture
def many(originals, tmp_path):
  return shutil.copytree(originals["many"], tmp_path / "many")


def fails(folder, *parts, cfg=hf_folders.MODEL, read=False):
  """Loading fails, says each of these, and reads no tensor before."""
  with pytest.MonkeyPatch.context() as patch:
    if not read:
      patch.setattr(shard_reader, "blocks", None)
    with pytest.raises(ValueError) as raised:
      hf.load(folder, cfg, tiny.layout())
  for part in parts:
    assert str(part) in str(raised.value)


def parted(file):
  """A file's header and its tensors' bytes."""
  data = file.read_bytes()
  end = 8 + int.from_bytes(data[:8], "little")
  return json.loads(data[8:end]), data[end:]


def join(file, header, data):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def rewrite(folder, change):
  """The single file's tensors, changed as a dict of arrays."""
  file = folder / "model.safetensors"
  held = safetensors.numpy.load_file(file)
  change(held)
  safetensors.numpy.save_file(held, file, {"format": "pt"})
  return file


def holder(folder, name):
  """The file in which a tensor is."""
  return next(
    file for file in folder.glob("*.safetensors") if name in parted(file)[0]
  )


def test_whole_folders_load(one, many):
  for folder in (one, many):
    hf.load(folder, hf_folders.MODEL, tiny.layout())
  (many / shards.INDEX).unlink()  # the files say it all
  hf.load(many, hf_folders.MODEL, tiny.layout())


CHANGES = {
  "missing": (lambda held: held.pop(Q), ["num_layers=2", "none of"]),
  "mis-shaped": (
    lambda held: held.update({Q: held[Q][:-1]}),
    ["shape [31, 32]", "needs [32, 32]"],
  ),
  "transposed": (
    lambda held: held.update({Q: held[Q].reshape(16, 64)}),
    ["shape [16, 64]"],
  ),
  "another dtype": (
    lambda held: held.update({Q: held[Q].astype(np.float64)}),
    ["is F64", "known are F32, F16, BF16", "save_pretrained"],
  ),
  "integers": (
    lambda held: held.update({Q: held[Q].astype(np.int8)}),
    ["is I8", "save_pretrained"],
  ),
  "mixed dtypes": (
    lambda held: held.update({Q: held[Q].astype(np.float16)}),
    ["F16", "F32", "save_pretrained"],
  ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_tensor_is_not_the_models(one, case):
  change, parts = CHANGES[case]
  file = rewrite(one, change)
  fails(one, Q, file, *parts)


def test_an_unexpected_tensor(one):
  name = "model.layers.2.mlp.up_proj.weight"
  file = rewrite(one, lambda held: held.update({name: held[HEAD]}))
  fails(one, name, file, "none of this model's (num_layers=2)")


def test_dtype_of_says_the_same(one):
  rewrite(one, CHANGES["mixed dtypes"][0])
  with pytest.raises(ValueError, match=r"is F(16|32), but tensor"):
    hf.dtype_of(one)


def test_a_tied_model_takes_an_equal_head_only(one):
  tied = tiny.variant(vocab_size=80, max_positions=64, tied_embeddings=True)
  fails(one, HEAD, one, "not equal", "tied_embeddings", cfg=tied, read=True)
  embedding = "model.embed_tokens.weight"
  rewrite(one, lambda held: held.update({HEAD: held[embedding]}))
  params = hf.load(one, tied, tiny.layout(fsdp=4, tensor=2))
  hf.verify(params, tied, one, "float32")
  rewrite(one, lambda held: held.update({HEAD: held[embedding][:-1]}))
  fails(one, HEAD, "shape [79, 32]", cfg=tied)
  rewrite(one, lambda held: held.pop(HEAD))
  fails(one, HEAD, "tied_embeddings=False")


@pytest.mark.parametrize("keep", [0, 5, 8, 400, -1])
def test_a_file_cut_short(many, keep):
  file = holder(many, Q)
  file.write_bytes(file.read_bytes()[:keep])
  fails(many, file, "cut short")


def test_bytes_too_many(one):
  file = one / "model.safetensors"
  file.write_bytes(file.read_bytes() + b"x")
  fails(one, file, "its tensors end at")


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"not json", b"{'a': 1}"])
def test_a_header_that_is_no_json(one, text):
  file = one / "model.safetensors"
  join(file, text, b"")
  fails(one, file, "is no JSON", "download")


def test_a_header_that_is_no_object(one):
  join(one / "model.safetensors", b"[]", b"")
  fails(one, one / "model.safetensors", "no JSON object")


def test_a_page_instead_of_a_file(one):
  (one / "model.safetensors").write_bytes(b"<!DOCTYPE html><html></html>")
  fails(one, one / "model.safetensors", "no safetensors file")
  (one / "model.safetensors").write_bytes(b"version https://git-lfs.github")
  fails(one, one / "model.safetensors", "no safetensors file")


def test_a_tensor_twice_in_one_header(one):
  file = one / "model.safetensors"
  header, data = parted(file)
  text = json.dumps(header)[:-1] + f', "{Q}": {json.dumps(header[Q])}}}'
  join(file, text.encode(), data)
  fails(one, Q, file, "twice")


@pytest.mark.parametrize(
  "change, message",
  [
    ({"shape": [32, 31]}, "it is damaged"),
    ({"shape": [-32, -32]}, "is described by"),
    ({"shape": [32, "32"]}, "is described by"),
    ({"dtype": 7}, "is described by"),
    ({"data_offsets": [0]}, "is described by"),
    ({"data_offsets": [8, 4104]}, "damaged"),
    ({"data_offsets": [-4096, 0]}, "damaged"),
  ],
)
def test_a_header_that_contradicts_itself(one, change, message):
  file = one / "model.safetensors"
  header, data = parted(file)
  header[Q] |= change
  join(file, header, data)
  fails(one, file, message)


def test_a_tensor_in_two_files(many):
  file = holder(many, Q)
  (many / shards.INDEX).unlink()
  shutil.copy(file, many / "other.safetensors")
  fails(many, "tensor", file, many / "other.safetensors", "too")


def test_two_checkpoints_in_one_folder(many, one):
  shutil.copy(one / "model.safetensors", many)
  fails(many, many / "model.safetensors", "not named by", shards.INDEX)


def reindex(folder, change):
  path = folder / shards.INDEX
  index = json.loads(path.read_text())
  change(index["weight_map"])
  path.write_text(json.dumps(index))
  return path


def test_an_index_that_disagrees(many):
  file, other = holder(many, Q).name, holder(many, HEAD).name
  path = reindex(many, lambda names: names.update({Q: other}))
  fails(many, path, Q, file, other)
  reindex(many, lambda names: names.pop(Q))
  fails(many, path, Q, file)
  reindex(many, lambda names: names.update({Q: file, "more": file}))
  fails(many, path, "tensor more", "none of its files")
  reindex(many, lambda names: names.update({"more": "../x.safetensors"}))
  fails(many, path, "more", "../x.safetensors")


def test_an_index_naming_a_file_that_is_not_there(many):
  file = holder(many, Q)
  file.unlink()
  fails(many, many / shards.INDEX, file.name, "not in", "download")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": {}}'])
def test_an_index_that_is_none(many, text):
  (many / shards.INDEX).write_text(text)
  fails(many, many / shards.INDEX, "download")


def test_an_index_naming_a_tensor_twice(many):
  path = many / shards.INDEX
  path.write_text('{"weight_map": {"a": "b", "a": "c"}}')
  fails(many, path, "names 'a' twice")


def test_no_safetensors(tmp_path):
  fails(tmp_path / "none", "is no folder")
  (tmp_path / "file").write_text("")
  fails(tmp_path / "file", "is no folder")
  folder = tmp_path / "folder"
  folder.mkdir()
  fails(folder, folder, "holds no *.safetensors")
  (folder / "pytorch_model.bin").write_bytes(b"")
  fails(folder, "pytorch_model.bin", "save_pretrained")
  (folder / "model.safetensors").symlink_to(folder / "gone")
  fails(folder, "a link to none")


def test_a_file_without_tensors(one):
  join(one / "model.safetensors", {}, b"")
  fails(one, "no tensors")
