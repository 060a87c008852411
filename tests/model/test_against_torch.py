"""Each rung of the decoder against transformers' Qwen2, in f32 on the CPU."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is the parity tests' peer")
from transformers.models.qwen2 import modeling_qwen2  # noqa: E402

from rrm_jax import config  # noqa: E402
from rrm_jax.model import qwen2  # noqa: E402
from rrm_jax.ops.attention import attend  # noqa: E402
from rrm_jax.ops.rope import rope  # noqa: E402

from . import torch_peer  # noqa: E402

close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5)


def shape(width, heads, kv_heads, dim, theta, tied, layers=3):
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
  )


SHAPES = {
  "4/2 tied": shape(32, 4, 2, 8, 1e6, True),
  "6/3 theta 1e4": shape(48, 6, 3, 8, 1e4, False),
  "5/1 wide heads": shape(40, 5, 1, 16, 1e6, False),
  "4/4 narrow heads": shape(32, 4, 4, 6, 1e4, True),
  "3/1 one layer": shape(24, 3, 1, 8, 1e6, False, layers=1),
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


@pytest.mark.parametrize("theta", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("dim", [6, 16, 128])
@pytest.mark.parametrize("start", [0, 30_000, 120_000])
def test_rope(theta, dim, start):
  x = noise(2, 9, 2, dim)
  positions = start + np.array([np.arange(9), np.arange(9) * 7])
  table = modeling_qwen2.Qwen2RotaryEmbedding(
    torch_peer.settings(shape(2 * dim, 2, 1, dim, theta, True))
  )
  cos, sin = table(torch.tensor(x), torch.tensor(positions))
  q = torch.tensor(x).transpose(1, 2)
  theirs, _ = modeling_qwen2.apply_rotary_pos_emb(q, q, cos, sin)
  ours = rope(jnp.asarray(x), jnp.asarray(positions, jnp.int32), theta)
  np.testing.assert_allclose(
    ours, theirs.transpose(1, 2).numpy(), rtol=0, atol=2e-5
  )


def test_rms_norm(pair):
  cfg, peer, params = pair
  x = 3 * noise(2, 5, cfg.embed_dim)
  with torch.no_grad():
    theirs = peer.model.norm(torch.tensor(x)).numpy()
  ours = qwen2.RMSNorm(cfg.norm_eps).apply(
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
  close(qwen2.MLP(cfg).apply({"params": last}, jnp.asarray(x)), theirs)


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
  (ours, _, layer), _ = qwen2.Block(cfg, None).apply(
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
