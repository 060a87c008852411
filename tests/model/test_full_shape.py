"""Qwen2.5-0.5B at its full shape, random weights, against transformers.

2 GB of weights on either side, once; all that is compared comes from them.
"""

import dataclasses
import functools
import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is the parity tests' peer")

from rrm_jax.model import presets, qwen2  # noqa: E402

from . import torch_peer  # noqa: E402

CFG = presets.preset("qwen2.5-0.5b")
ROWS, COLUMNS = 2, 12


@functools.partial(jax.jit, static_argnames="cfg")
def logits(params, cfg, tokens, positions):
  hidden, _ = qwen2.forward(params, cfg, tokens, positions)
  return jnp.dot(
    hidden,
    qwen2.unembedding(params, cfg),
    preferred_element_type=jnp.float32,
  )


@pytest.fixture(scope="module")
def outputs():
  """Logits in f32 and bf16: theirs, then ours."""
  rng = np.random.default_rng(0)
  tokens = rng.integers(0, CFG.vocab_size, (ROWS, COLUMNS), np.int32)
  # One row from the start, one far out and with gaps.
  gaps = 30_000 + np.cumsum(rng.integers(1, 200, COLUMNS))
  positions = np.stack([np.arange(COLUMNS), gaps]).astype(np.int32)

  def theirs():
    with torch.no_grad():
      out = peer(
        torch.tensor(tokens).long(),
        position_ids=torch.tensor(positions).long(),
        attention_mask=torch.ones(ROWS, COLUMNS),
      )
    return out.logits.float().numpy()

  peer = torch_peer.build(CFG)
  found = {"theirs float32": theirs()}
  params = torch_peer.converted(peer, CFG)
  # Not peer.to(): that rounds the rotary frequencies too, as loading does not.
  for weight in peer.parameters():
    weight.data = weight.data.to(torch.bfloat16)
  found["theirs bfloat16"] = theirs()
  del peer
  gc.collect()
  params = jax.tree.map(jnp.asarray, params)
  for dtype in ("float32", "bfloat16"):
    cfg = dataclasses.replace(CFG, compute_dtype=dtype)
    found[f"ours {dtype}"] = np.asarray(logits(params, cfg, tokens, positions))
  return found


def error(found, exact):
  """The root mean square of the difference, over that of the exact."""
  found, exact = found.astype(np.float64), exact.astype(np.float64)
  return np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))


def test_f32_logits_are_theirs(outputs):
  exact = outputs["theirs float32"]
  assert np.abs(exact).max() > 3  # there was something to compare
  np.testing.assert_allclose(
    outputs["ours float32"], exact, rtol=2e-5, atol=2e-5
  )


def test_bf16_is_no_rougher_than_theirs(outputs):
  """Of two ways to round, neither is right; f32 says how far each is off."""
  exact = outputs["theirs float32"]
  for row in range(ROWS):
    ours, theirs = (
      error(outputs[f"{whose} bfloat16"][row], exact[row])
      for whose in ("ours", "theirs")
    )
    assert 2**-10 < ours < 1.25 * theirs
