"""A job is compiled for devices that are not there, and what it takes told."""

import dataclasses
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from rrm_jax import config
from rrm_jax.model import presets
from tests import small_job, tiny
from tools.plan import arithmetic, learning

ROOT = Path(__file__).parents[2]


def run(*arguments, devices=8):
  return subprocess.run(
    [sys.executable, "-m", "tools.plan", *arguments],
    cwd=ROOT, capture_output=True, text=True, timeout=600,
    env={
      **os.environ, "JAX_PLATFORMS": "cpu",
      "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    },
  )  # fmt: skip


@pytest.fixture(scope="module")
def job():
  values = small_job.mapping()
  return config.from_mapping(config.Job, config.complete(config.Job, values))


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "job.py"
  path.write_text(
    "import ml_collections\n"
    "from rrm_jax import config\n"
    "def get_config():\n"
    f"  values = {small_job.mapping()!r}\n"
    "  return ml_collections.ConfigDict(config.complete(config.Job, values))\n"
  )
  return path


def test_on_the_devices_of_a_test(file):
  done = run(f"--config={file}", "--topology=cpu")
  assert done.returncode == 0, done.stderr
  for name in ("update", "prefill", "decode"):
    assert re.search(rf"^{name}: [\d.]+ of [\d.]+ GiB", done.stdout, re.M), name


def test_mistakes_in_one_line(file):
  for arguments, message in (
    (["--stage=warm_start"], "those of the config: rl"),
    (["--programs=updates"], "updates is none of update"),
    (["--topology=v9:2x2"], "no figures of 'v9' are known"),
  ):
    done = run(f"--config={file}", "--topology=cpu", *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert message in line


def test_sizes_by_hand(job):
  """Parameters in f32, two moments, and a reference; cut over four."""
  stage = job.stages["rl"]
  over = tiny.layout(1, 4, 1)
  held = learning.sizes(job, stage, over)
  whole = sum(x.size for x in jax.tree.leaves(tiny.params(job.model)))
  assert held["parameters"] == pytest.approx(whole, rel=0.1)  # 4 bytes, 4 parts
  assert held["optimizer"] == pytest.approx(2 * held["parameters"], rel=1e-3)
  assert ("reference" in held) == (stage.objective.kl_coefficient > 0)


def test_flops_by_hand():
  """A published shape: 6 FLOPs a parameter and token, and attention."""
  cfg = presets.preset("qwen2.5-0.5b")
  assert arithmetic.matrix_parameters(cfg) == 24 * (
    896 * (2 * 896 + 2 * 128) + 3 * 896 * 4864
  )
  stage = config.Grpo(
    steps=1, comparisons=2, samples=4, optimizer=config.Optimizer(),
    sampling=config.Sampling(max_new_tokens=100),
  )  # fmt: skip
  shared = arithmetic.learning(cfg, stage, prompt=300)
  assert shared.tokens == 2 * 300 + 8 * 100
  apart = arithmetic.learning(
    cfg, dataclasses.replace(stage, shared_samples=1), prompt=300
  )
  assert apart.tokens == 8 * 400
  matrices = 2 * 1400 * arithmetic.matrix_parameters(cfg)
  logits = 2 * 800 * 896 * 151_936
  attention = shared.scoring - matrices - logits
  pairs = 2 * 300**2 / 2 + 8 * (100 * 300 + 100**2 / 2)
  assert attention == pytest.approx(4 * pairs * 24 * 896)
  assert shared.flops == pytest.approx(3 * shared.scoring + logits)


def test_a_refusal_of_the_compiler_is_read():
  error = jax.errors.JaxRuntimeError(
    "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required "
    "for HLO temporaries (19.58G) exceeds available HBM (15.75G)."
  )
  found = learning.too_large("update", error)
  assert isinstance(found, learning.TooLarge)
  assert found.needed == pytest.approx(19.58 * 2**30)
  assert str(found) == "update needs 19.58 GiB on each chip, which has 15.75"
  other = jax.errors.JaxRuntimeError("INTERNAL: something else")
  assert learning.too_large("update", other) is other


@pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu, the compiler for TPUs, is not installed: pip install "
  "'jax[tpu]'",
)
@pytest.mark.parametrize(
  ("name", "topology"), [("rrm_7b", "v5e:4x4"), ("rrm_32b", "v5p:4x4x4")]
)
def test_the_papers_jobs_fit(name, topology):
  done = run(
    f"--config=configs/{name}.py", f"--topology={topology}", "--level=O1"
  )
  assert done.returncode == 0, done.stderr
  assert "at best" in done.stdout
