"""What holds for every test: CPU devices, annotations, compiled programs."""

import os
from pathlib import Path

import pytest

# Read when jax makes its CPU devices, so set before anything imports it. On a
# busy machine the threads of eight devices may wait long for each other; XLA
# would end the process after 40 seconds of that.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = " ".join(
  [
    os.environ.get("XLA_FLAGS", ""),
    "--xla_force_host_platform_device_count=8",
    "--xla_cpu_collective_call_terminate_timeout_seconds=120",
  ]
).strip()

import jax
import jaxtyping

import tests.checking  # noqa: F401  # found by its name, below

# Shapes and types of every annotated function are checked, here only.
jaxtyping.install_import_hook("rrm_jax", "tests.checking.checked")


@pytest.fixture(autouse=True, scope="module")
def _programs_of_one_module():
  """Compiled programs are dropped after each file of tests.

  Each is some mappings of memory, and all tests together would have more than
  Linux allows a process (65,530), which ends it in the middle of a compilation.
  """
  yield
  jax.clear_caches()


@pytest.fixture(scope="session")
def shared_data() -> Path:
  """The folder of real data: tokenizers, benchmarks, released results."""
  folder = os.environ.get("RRM_SHARED")
  if not folder:
    pytest.skip(
      "RRM_SHARED is not set: it names the folder with the shared real data"
    )
  path = Path(folder)
  if not path.is_dir():
    pytest.fail(f"RRM_SHARED={folder} is no folder")
  return path
