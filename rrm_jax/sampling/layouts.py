"""How sampling cuts arrays over the devices that training cuts them over."""

import dataclasses
import math

import jax
from jax.sharding import AxisType

from rrm_jax import config
from rrm_jax.sharding import MESH_AXES, Layout

_BOTH = ("fsdp", "tensor")


def decode_layout(
  trained: Layout, weights: config.Weights, cfg: config.Model
) -> Layout:
  """The mesh and rules of sampling.

  Args:
    trained: The layout of training.
    weights: "training" keeps its rules: the embed axis is cut over fsdp, so
      weights are gathered while decoding. "replicated" holds them whole on
      every data and fsdp part, cut over tensor as before: nothing is gathered.
      "tensor" cuts heads, KV heads, mlp and vocab over fsdp and tensor
      together, rows over data alone: each device reads its share of weights,
      and sums cross devices twice a layer. Where fsdp is more than the model
      divides into, as much of it as does; the rest joins data.
    cfg: The model's shape.

  Raises:
    ValueError: "tensor" cannot cut the model over any of fsdp.
  """
  if weights == "training":
    return trained
  rules = dataclasses.replace(trained.rules, embed=None)
  if weights == "replicated":
    return Layout(trained.mesh, rules)
  rules = dataclasses.replace(
    rules, batch="data", heads=_BOTH, kv_heads=_BOTH, mlp=_BOTH, vocab=_BOTH
  )
  return Layout(_regrouped(trained.mesh, cfg), rules)


def exchange_layout(layout: Layout) -> Layout:
  """Where weights pass on their way from training's layout to this one.

  Training cuts embed over fsdp, "tensor" cuts heads over it. From the one to
  the other XLA would gather every matrix whole on each device. Here the parts
  of data still share embed: the parts of fsdp exchange what they hold, and
  what is left to gather is no more than each keeps.
  """
  if layout.rules.heads != _BOTH:
    return layout
  rules = dataclasses.replace(layout.rules, embed="data")
  return Layout(layout.mesh, rules)


def _regrouped(mesh: jax.sharding.Mesh, cfg: config.Model) -> jax.sharding.Mesh:
  """The same devices, with no more of fsdp than the model divides into."""
  sizes = {"heads": cfg.num_heads, "kv_heads": cfg.num_kv_heads}
  sizes |= {"mlp": cfg.mlp_dim, "vocab": cfg.vocab_size}
  data, fsdp, tensor = (mesh.shape[axis] for axis in MESH_AXES)
  common = math.gcd(*sizes.values())
  cut = [
    n for n in range(1, fsdp + 1) if fsdp % n == common % (n * tensor) == 0
  ]
  if not cut or cut[-1] == 1 < fsdp:
    shown = ", ".join(f"{axis}={size}" for axis, size in sizes.items())
    raise ValueError(
      f"engine.weights='tensor' cuts {shown} over fsdp={fsdp} and tensor="
      f"{tensor}, but the parts they all divide into are the divisors of "
      f"{common}; choose another mesh, or engine.weights='replicated'"
    )
  devices = mesh.devices.reshape(data * fsdp // cut[-1], cut[-1], tensor)
  return jax.sharding.Mesh(devices, MESH_AXES, axis_types=(AxisType.Auto,) * 3)
