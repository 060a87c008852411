"""Each rung of the decoder against transformers' Qwen2, in f32 on the CPU."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is the parity tests' peer")
from transformers.models.qwen2 import modeling_qwen2  # noqa: E402

from rrm_jax import config  # noqa: E402
from rrm_jax.model import layers, qwen2  # noqa: E402
from rrm_jax.ops.attention import attend  # noqa: E402
from rrm_jax.ops.rope import attention_factor, frequencies, rope  # noqa: E402

from . import torch_peer  # noqa: E402

close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5)


def shape(
  width,
  heads,
  kv_heads,
  dim,
  theta,
  tied,
  layers=3,
  yarn=None,
  window=0,
  sliding=(),
):
  return config.Model(
    vocab_size=71,
    embed_dim=width,
    mlp_dim=2 * width + 6,
    num_layers=layers,
    num_heads=heads,
    num_kv_heads=kv_heads,
    head_dim=dim,
    rope_theta=theta,
    tied_embeddings=tied,
    max_positions=131_072,
    yarn=yarn,
    sliding_window=window,
    sliding_layers=sliding,
  )


YARNS = {
  "none": None,
  "x4": config.Yarn(4.0, 32_768),
  "x1.5": config.Yarn(1.5, 65_536, beta_fast=20.0, beta_slow=3.0),
  "x40 whole pairs": config.Yarn(
    40.0, 4_096, attention_factor=1.25, truncated=False
  ),
  "x1": config.Yarn(1.0, 131_072),
}


SHAPES = {
  "4/2 tied": shape(32, 4, 2, 8, 1e6, True),
  "6/3 theta 1e4": shape(48, 6, 3, 8, 1e4, False),
  "5/1 wide heads": shape(40, 5, 1, 16, 1e6, False),
  "4/4 narrow heads": shape(32, 4, 4, 6, 1e4, True),
  "3/1 one layer": shape(24, 3, 1, 8, 1e6, False, layers=1),
  "4/2 yarn": shape(64, 4, 2, 16, 1e6, False, yarn=YARNS["x4"]),
  "7/1 yarn": shape(56, 7, 1, 32, 1e4, True, yarn=YARNS["x40 whole pairs"]),
  "8/4 last layer slides": shape(
    64, 8, 4, 8, 1e6, False, window=4, sliding=(2,)
  ),
  "6/2 all slide": shape(48, 6, 2, 8, 1e4, True, window=1, sliding=(0, 1, 2)),
  "4/1 slides, yarn": shape(
    64, 4, 1, 16, 1e6, False, yarn=YARNS["x4"], window=3, sliding=(0, 2)
  ),
}


@pytest.fixture(scope="module", params=SHAPES)
def pair(request):
  """A shape, the peer, and our parameters with the same values."""
  cfg = SHAPES[request.param]
  peer = torch_peer.build(cfg)
  return cfg, peer, jax.tree.map(jnp.asarray, torch_peer.converted(peer, cfg))


@functools.partial(jax.jit, static_argnames="cfg")
def hidden_and_logits(params, cfg, tokens, positions, valid):
  hidden, _ = qwen2.forward(params, cfg, tokens, positions, valid=valid)
  return hidden, hidden @ qwen2.unembedding(params, cfg)


def random_tokens(cfg, rows, columns, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, cfg.vocab_size, (rows, columns)).astype(np.int32)


def noise(*shape, seed=0):
  rng = np.random.default_rng(seed)
  return rng.standard_normal(shape).astype(np.float32)


def peer_outputs(peer, tokens, **how):
  with torch.no_grad():
    out = peer(torch.tensor(tokens).long(), output_hidden_states=True, **how)
  return out.hidden_states[-1].numpy(), out.logits.numpy()


def rope_table(theta, dim, yarn):
  return modeling_qwen2.Qwen2RotaryEmbedding(
    torch_peer.settings(shape(2 * dim, 2, 1, dim, theta, True, yarn=yarn))
  )


@pytest.mark.parametrize("yarn", YARNS)
@pytest.mark.parametrize("theta", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("dim", [6, 16, 64, 128])
def test_frequencies(theta, dim, yarn):
  yarn = YARNS[yarn]
  table = rope_table(theta, dim, yarn)
  ours = frequencies(dim, theta, yarn)
  assert ours.dtype == np.float32
  # The peer's power is within one unit in the last place, not always nearest.
  np.testing.assert_array_max_ulp(ours, table.inv_freq.numpy(), maxulp=2)
  assert attention_factor(yarn) == table.attention_scaling


@pytest.mark.parametrize("yarn", YARNS)
@pytest.mark.parametrize("theta", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("dim", [6, 16, 128])
@pytest.mark.parametrize("start", [0, 30_000, 120_000])
def test_rope(theta, dim, start, yarn):
  x = noise(2, 9, 2, dim)
  positions = start + np.array([np.arange(9), np.arange(9) * 7])
  cos, sin = rope_table(theta, dim, YARNS[yarn])(
    torch.tensor(x), torch.tensor(positions)
  )
  q = torch.tensor(x).transpose(1, 2)
  theirs, _ = modeling_qwen2.apply_rotary_pos_emb(q, q, cos, sin)
  ours = rope(
    jnp.asarray(x),
    jnp.asarray(positions, jnp.int32),
    frequencies(dim, theta, YARNS[yarn]),
    attention_factor(YARNS[yarn]),
  )
  np.testing.assert_allclose(
    ours, theirs.transpose(1, 2).numpy(), rtol=0, atol=2e-5
  )


def test_rms_norm(pair):
  cfg, peer, params = pair
  x = 3 * noise(2, 5, cfg.embed_dim)
  with torch.no_grad():
    theirs = peer.model.norm(torch.tensor(x)).numpy()
  ours = layers.RMSNorm(cfg.norm_eps).apply(
    {"params": params["final_norm"]}, jnp.asarray(x)
  )
  close(ours, theirs)


def test_attention_op(pair):
  cfg, _, _ = pair
  q = noise(2, 5, cfg.num_heads, cfg.head_dim, seed=1)
  k = noise(2, cfg.num_kv_heads, 7, cfg.head_dim, seed=2)
  v = noise(2, cfg.num_kv_heads, 7, cfg.head_dim, seed=3)
  mask = np.arange(7) <= np.arange(5)[:, None] + 2
  mask = np.broadcast_to(mask, (2, 5, 7)).copy()
  mask[1, :, 0] = False
  groups = cfg.num_heads // cfg.num_kv_heads
  theirs = torch.nn.functional.scaled_dot_product_attention(
    torch.tensor(q).transpose(1, 2),
    torch.tensor(k).repeat_interleave(groups, 1),
    torch.tensor(v).repeat_interleave(groups, 1),
    attn_mask=torch.tensor(mask)[:, None],
  )
  ours = attend(*map(jnp.asarray, (q, k, v, mask)))
  close(ours, theirs.transpose(1, 2).numpy())


def test_mlp(pair):
  cfg, peer, params = pair
  x = noise(2, 5, cfg.embed_dim)
  with torch.no_grad():
    theirs = peer.model.layers[-1].mlp(torch.tensor(x)).numpy()
  last = jax.tree.map(lambda w: w[-1], params["layers"]["mlp"])
  close(layers.MLP(cfg).apply({"params": last}, jnp.asarray(x)), theirs)


def test_one_layer(pair):
  cfg, peer, params = pair
  x = noise(2, 6, cfg.embed_dim)
  positions = np.broadcast_to(np.arange(6), (2, 6))
  causal = np.tril(np.ones((6, 6), bool))
  with torch.no_grad():
    theirs = peer.model.layers[-1](
      torch.tensor(x),
      attention_mask=torch.tensor(np.where(causal, 0.0, -1e30)).float()[
        None, None
      ],
      position_embeddings=peer.model.rotary_emb(
        torch.tensor(x), torch.tensor(positions)
      ),
    ).numpy()
  last = jax.tree.map(lambda w: w[-1], params["layers"])
  mask = jnp.broadcast_to(causal, (2, 6, 6))
  (ours, _, layer), _ = layers.Block(cfg, None).apply(
    {"params": last},
    (jnp.asarray(x), None, jnp.int32(0)),
    jnp.asarray(positions),
    mask,
  )
  close(ours, theirs)
  assert layer == 1


def test_hidden_states_and_logits(pair):
  cfg, peer, params = pair
  tokens = random_tokens(cfg, 3, 11)
  positions = jnp.broadcast_to(jnp.arange(11), (3, 11))
  valid = jnp.ones((3, 11), bool)
  ours = hidden_and_logits(params, cfg, jnp.asarray(tokens), positions, valid)
  theirs = peer_outputs(peer, tokens)
  close(ours[0], theirs[0])
  close(ours[1], theirs[1])
  assert np.abs(theirs[1]).max() > 1  # there was something to compare


def test_long_positions(pair):
  cfg, peer, params = pair
  tokens = random_tokens(cfg, 3, 11)
  # Gaps, so that the offset cannot cancel.
  positions = 30_000 + np.cumsum(
    np.random.default_rng(1).integers(1, 400, (3, 11)), axis=1
  )
  ours = hidden_and_logits(
    params,
    cfg,
    jnp.asarray(tokens),
    jnp.asarray(positions, jnp.int32),
    jnp.ones((3, 11), bool),
  )
  theirs = peer_outputs(
    peer,
    tokens,
    position_ids=torch.tensor(positions),
    attention_mask=torch.ones(3, 11),
  )
  close(ours[1], theirs[1])


def test_rows_padded_on_the_left(pair):
  cfg, peer, params = pair
  tokens = random_tokens(cfg, 3, 11)
  valid = np.arange(11) >= np.array([[0], [4], [9]])
  positions = np.maximum(np.cumsum(valid, axis=1) - 1, 0)
  ours = hidden_and_logits(
    params,
    cfg,
    jnp.asarray(tokens),
    jnp.asarray(positions, jnp.int32),
    jnp.asarray(valid),
  )
  theirs = peer_outputs(
    peer,
    tokens,
    position_ids=torch.tensor(positions),
    attention_mask=torch.tensor(valid).long(),
  )
  close(ours[0][valid], theirs[0][valid])
  close(ours[1][valid], theirs[1][valid])
  assert np.isfinite(ours[0]).all()


@pytest.mark.parametrize("name", ["8/4 last layer slides", "4/2 yarn"])
def test_windows_and_yarn_change_what_is_said(name):
  """What the rungs above compare is no model without them."""
  cfg = SHAPES[name]
  plain = dataclasses.replace(cfg, yarn=None, sliding_layers=())
  params = jax.tree.map(
    jnp.asarray, torch_peer.converted(torch_peer.build(cfg), cfg)
  )
  tokens = jnp.asarray(random_tokens(cfg, 1, 11))
  ours, without = (
    np.asarray(qwen2.forward(params, c, tokens)[0]) for c in (cfg, plain)
  )
  assert np.abs(ours - without).max() > 0.01
