"""TPU topologies without TPUs: devices to compile for, and what chips can."""

import importlib.util
import os
from collections.abc import Sequence
from typing import NamedTuple

import jax
from jax.experimental import topologies

# Nothing is asked of this machine, which has no TPU; other processes of it may
# compile at the same time.
_QUIET = {
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
  "TPU_ACCELERATOR_TYPE": "v5p-8",
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_WORKER_HOSTNAMES": "localhost",
}


class Chip(NamedTuple):
  """What one device of a kind has, as its makers publish it.

  Attributes:
    memory: Bytes that a program may use, as the compiler says.
    flops: bf16 multiplications and additions per second.
    bandwidth: Bytes per second of its memory.
    links: Bytes per second to other chips, of all links one way.
  """

  memory: float
  flops: float
  bandwidth: float
  links: float

  @property
  def known(self) -> bool:
    """Whether there are figures but for memory."""
    return self.flops > 0


_GIB = 2.0**30
_CHIPS = {
  "v4": Chip(30.75 * _GIB, 275e12, 1.2e12, 300e9),
  "v5e": Chip(15.75 * _GIB, 197e12, 0.82e12, 200e9),
  "v5p": Chip(95.74 * _GIB, 459e12, 2.77e12, 600e9),
  "v6e": Chip(31.25 * _GIB, 918e12, 1.64e12, 400e9),
}


def chip(name: str) -> Chip:
  """That of a topology, such as v5e:4x4.

  Raises:
    ValueError: its figures are not known.
  """
  kind = name.split(":")[0]
  if kind == "cpu":
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Chip(whole / jax.device_count("cpu"), 0.0, 0.0, 0.0)
  if kind not in _CHIPS:
    raise ValueError(
      f"--topology={name}: no figures of {kind!r} are known, only of "
      f"{', '.join(_CHIPS)}"
    )
  return _CHIPS[kind]


def devices(name: str) -> Sequence[jax.Device]:
  """The devices of a topology; with "cpu" those of this process.

  Raises:
    ValueError: libtpu is missing, or knows no such topology.
  """
  if name == "cpu":
    return jax.devices("cpu")
  if importlib.util.find_spec("libtpu") is None:
    raise ValueError(
      "the compiler for TPUs, libtpu, is not installed: pip install "
      f"'jax[tpu]=={jax.__version__}'"
    )
  for variable, value in _QUIET.items():
    os.environ.setdefault(variable, value)
  jax.config.update("jax_platforms", "cpu")
  # Two cores of a v4 chip are one device.
  options = {"chip_config_name": "megacore"} if name.startswith("v4:") else {}
  try:
    found = topologies.get_topology_desc(name, platform="tpu", **options)
  except jax.errors.JaxRuntimeError as error:
    raise ValueError(
      f"--topology={name}: {str(error).splitlines()[0]}"
    ) from error
  return found.devices
