"""Weights go to Hugging Face and come back without a bit lost."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rrm_jax import sharding
from rrm_jax.model import hf, qwen2
from rrm_jax.sharding import fetch
from tests import hf_folders, tiny

torch = pytest.importorskip("torch", reason="torch is the peer")
from tests.model import torch_peer  # noqa: E402

SHAPES = {
  "plain": tiny.MODEL,
  "tied": tiny.variant(tied_embeddings=True),
  "own head_dim": tiny.variant(head_dim=12),
  "one kv head": tiny.variant(num_kv_heads=1, num_layers=3),
  "no groups": tiny.variant(num_heads=6, num_kv_heads=6, tied_embeddings=True),
}
COMPILED = []
jax.monitoring.register_event_duration_secs_listener(
  lambda name, *_, **__: (
    COMPILED.append(name) if "backend_compile" in name else None
  )
)
DTYPES = ("float32", "bfloat16", "float16")
TORCH = {name: getattr(torch, name) for name in DTYPES}
MESHES = [(1, 1, 1), (1, 4, 2), (2, 2, 2), (1, 2, 4)]


@pytest.fixture(autouse=True)
def guarded():
  """As launches do: nothing moves between host and device by accident."""
  with jax.transfer_guard("disallow"):
    yield


@pytest.fixture(autouse=True, params=["host", "accelerator"])
def way(request, monkeypatch):
  """Values move over the host's memory, or as for devices with their own."""
  if request.param == "accelerator":
    monkeypatch.setattr(sharding, "on_host", lambda devices: False)
  return request.param


def theirs(folder, cfg, dtype="float32", shard="10KB"):
  """A folder that transformers wrote, and the model in it."""
  model = torch_peer.build(cfg).to(TORCH[dtype])
  model.save_pretrained(folder, max_shard_size=shard)
  return model


@pytest.mark.parametrize(
  ("shape", "dtype"),
  [("plain", dtype) for dtype in DTYPES]
  + [(s, "bfloat16") for s in SHAPES][1:],
)
def test_there_and_back_is_byte_equal(tmp_path, shape, dtype):
  cfg = SHAPES[shape]
  theirs(tmp_path / "a", cfg, dtype)
  assert len(list((tmp_path / "a").glob("*.safetensors"))) > 2
  assert hf.dtype_of(tmp_path / "a") == dtype
  params = hf.load(tmp_path / "a", cfg, tiny.layout())
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(params))
  hf.save(params, cfg, tmp_path / "b", dtype)
  assert hf_folders.tensors(tmp_path / "a") == hf_folders.tensors(
    tmp_path / "b"
  )
  hf.verify(params, cfg, tmp_path / "a", dtype)
  held = hf_folders.tensors(tmp_path / "a").values()
  assert hf.size(cfg, dtype) == sum(len(data) for _, _, data in held)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_parameter_is_the_right_one(tmp_path, shape):
  cfg = SHAPES[shape]
  model = theirs(tmp_path, cfg)
  params = hf.load(tmp_path, cfg, tiny.layout())
  assert jax.tree.structure(params) == jax.tree.structure(qwen2.abstract(cfg))
  expected = torch_peer.converted(model, cfg)
  jax.tree.map(np.testing.assert_array_equal, fetch(params), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_transformers_reads_what_we_write(tmp_path, shape):
  cfg = SHAPES[shape]
  params = tiny.placed(tiny.params(cfg, seed=3), tiny.layout(), cfg)
  hf.save(params, cfg, tmp_path, "float32", shard_bytes=20_000)
  torch_peer.settings(cfg).save_pretrained(tmp_path)
  peer, report = torch_peer.transformers.Qwen2ForCausalLM.from_pretrained(
    tmp_path, dtype=torch.float32, attn_implementation="eager",
    output_loading_info=True,
  )  # fmt: skip
  assert not any(report.values()), report
  known, room = 9, 6
  tokens = np.zeros((2, known + room), np.int32)
  tokens[:, :known] = np.random.default_rng(0).integers(0, 64, (2, known))
  prompt = torch.tensor(tokens[:, :known])
  with torch.no_grad():
    wanted = peer.eval()(prompt).logits.numpy()
    greedy = peer.generate(
      prompt, do_sample=False, max_new_tokens=room, pad_token_id=0
    ).numpy()
  got = logits(params, cfg, tokens)[:, :known]
  np.testing.assert_allclose(got, wanted, atol=2e-5, rtol=0)
  for column in range(known, known + room):
    best = logits(params, cfg, tokens)[:, column - 1].argmax(-1)
    tokens[:, column] = best
  np.testing.assert_array_equal(tokens, greedy)


def logits(params, cfg, tokens):
  """Of every token; what comes after a token does not change its own."""
  with jax.transfer_guard("allow"):
    return np.asarray(_logits(params, tokens, cfg))


@functools.partial(jax.jit, static_argnames="cfg")
def _logits(params, tokens, cfg):
  hidden, _ = qwen2.forward(params, cfg, tokens)
  return hidden @ qwen2.unembedding(params, cfg)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("mesh", MESHES)
def test_every_mesh_gets_the_same_arrays(tmp_path, mesh, dtype):
  cfg = tiny.variant(num_kv_heads=4)
  theirs(tmp_path / "a", cfg)
  over = tiny.layout(*mesh)
  params = hf.load(tmp_path / "a", cfg, over, dtype)
  shardings = over.shardings(qwen2.logical_axes(cfg), qwen2.abstract(cfg))
  jax.tree.map(lambda x, s: check_cut(x, s, dtype), params, shardings)
  one = hf.load(tmp_path / "a", cfg, tiny.layout(), dtype)
  jax.tree.map(np.testing.assert_array_equal, fetch(params), fetch(one))
  hf.save(params, cfg, tmp_path / "b", dtype)
  hf.save(one, cfg, tmp_path / "c", dtype)
  assert hf_folders.tensors(tmp_path / "b") == hf_folders.tensors(
    tmp_path / "c"
  )


def check_cut(x, sharding, dtype):
  assert x.dtype == dtype
  assert x.sharding == sharding


def test_parameters_on_one_device_without_a_mesh(tmp_path):
  with jax.transfer_guard("allow"):
    params = tiny.single(tiny.params())
  hf.save(params, tiny.MODEL, tmp_path, "float32")
  hf.verify(params, tiny.MODEL, tmp_path, "float32")
  back = hf.load(tmp_path, tiny.MODEL, tiny.layout())
  jax.tree.map(np.testing.assert_array_equal, fetch(params), fetch(back))


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("held", ["float32", "bfloat16"])
def test_casts_are_the_devices_to_the_bit(tmp_path, way, held, target):
  """Subnormals, ties, signed zeros; the exact cast is by torch."""
  cfg = tiny.variant(vocab_size=4096)
  raw = np.random.default_rng(0).integers(0, 2**32, (4096, 32), np.uint32)
  raw[(raw >> 23 & 0xFF) > 140] &= 0x807FFFFF  # subnormal, not too large
  raw[::2] &= 0xFFFF8000  # ties
  params = tiny.params(cfg)
  params["embedding"] = raw.view(np.float32)
  placed = tiny.placed(params, tiny.layout(), cfg)
  hf.save(placed, cfg, tmp_path / "a", held)
  params = hf.load(tmp_path / "a", cfg, tiny.layout(), "float32")
  hf.save(params, cfg, tmp_path / "b", target)
  _, _, data = hf_folders.tensors(tmp_path / "b")["model.embed_tokens.weight"]
  wanted = torch.from_numpy(raw.view(np.float32)).to(TORCH[held])
  wanted = wanted.to(TORCH[target]).contiguous().view(torch.uint8)
  assert data == wanted.numpy().tobytes()


def test_f16_weights_load_as_they_are_and_no_others_as_f16(tmp_path):
  theirs(tmp_path / "a", tiny.MODEL, "float16")
  params = hf.load(tmp_path / "a", tiny.MODEL, tiny.layout(), "float16")
  assert all(x.dtype == jnp.float16 for x in jax.tree.leaves(params))
  hf.verify(params, tiny.MODEL, tmp_path / "a", "float16")
  theirs(tmp_path / "b", tiny.MODEL, "bfloat16")
  with pytest.raises(ValueError, match="is bfloat16, whose values may be too"):
    hf.load(tmp_path / "b", tiny.MODEL, tiny.layout(), "float16")


def test_an_uneven_cut_is_an_error_before_anything_is_read(tmp_path):
  theirs(tmp_path, tiny.MODEL)
  with pytest.raises(ValueError, match="kv_heads=2 does not divide into 4"):
    hf.load(tmp_path, tiny.MODEL, tiny.layout(tensor=4))


def test_programs_do_not_grow_with_the_layers(tmp_path, way):
  cfg = tiny.variant(num_layers=5, vocab_size=80, embed_dim=40)
  hf_folders.make(tmp_path / "a", cfg)
  fewest, most = (0, 0) if way == "host" else (10, 30)  # for 63 tensors
  before = len(COMPILED)
  params = hf.load(tmp_path / "a", cfg, tiny.layout())
  loaded = len(COMPILED)
  assert fewest <= loaded - before <= most
  hf.save(params, cfg, tmp_path / "b", "bfloat16")
  saved = len(COMPILED)
  assert fewest <= saved - loaded <= most
  hf.verify(params, cfg, tmp_path / "b", "bfloat16")
  assert len(COMPILED) == saved


def test_progress_counts_bytes(tmp_path):
  seen = {"load": [], "save": [], "verify": []}
  hf_folders.make(tmp_path / "a")
  cfg = hf_folders.MODEL
  params = hf.load(
    tmp_path / "a", cfg, tiny.layout(), progress=seen["load"].append
  )
  hf.save(params, cfg, tmp_path / "b", "float32", progress=seen["save"].append)
  hf.verify(
    params, cfg, tmp_path / "b", "float32", progress=seen["verify"].append
  )
  for steps in seen.values():
    assert len(steps) == 3 + 12 * cfg.num_layers
    assert steps == sorted(set(steps))
    assert steps[-1] == hf.size(cfg, "float32")


def test_size_by_hand():
  # A layer: q, k, v with biases, o, three MLP matrices, two norms.
  layer = 32 * 32 + 32 + 2 * (32 * 16 + 16) + 32 * 32 + 3 * 32 * 48 + 2 * 32
  whole = 2 * layer + 32 + 2 * 64 * 32
  assert hf.size(tiny.MODEL, "float32") == 4 * whole
  tied = tiny.variant(tied_embeddings=True)
  assert hf.size(tied, "bfloat16") == 2 * (whole - 64 * 32)
  with pytest.raises(ValueError, match="dtype='float64' is none of float32"):
    hf.size(tiny.MODEL, "float64")


def test_a_loaded_array_is_not_the_file(tmp_path):
  folder = hf_folders.make(tmp_path / "a")
  params = hf.load(folder, hf_folders.MODEL, tiny.layout())
  before = np.array(fetch(params["embedding"]))
  file = folder / "model.safetensors"
  with file.open("r+b") as f:
    f.seek(file.stat().st_size // 2)
    f.write(bytes(file.stat().st_size // 2))
  np.testing.assert_array_equal(before, fetch(params["embedding"]))
