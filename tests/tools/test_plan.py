"""A job is compiled for devices that are not there, and what it takes told."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rrm_jax import config
from rrm_jax.model import presets
from tests import small_job

ROOT = Path(__file__).parents[2]
HIDDEN = (
  "import importlib.util as u; found = u.find_spec; "
  "u.find_spec = lambda n, *a: None if n == 'libtpu' else found(n, *a); "
  "from tools.plan import __main__ as m; "
  "m.app.run(m.main, flags_parser=m.setup.parse_flags)"
)


def run(*arguments, command=("-m", "tools.plan"), devices=8):
  return subprocess.run(
    [sys.executable, *command, *arguments],
    cwd=ROOT, capture_output=True, text=True, timeout=1800,
    env={
      **os.environ, "JAX_PLATFORMS": "cpu",
      "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    },
  )  # fmt: skip


def written(path, values):
  """A job's file, as those of configs/."""
  path.write_text(
    "import ml_collections\n"
    "from rrm_jax import config\n"
    "def get_config():\n"
    f"  values = {values!r}\n"
    "  return ml_collections.ConfigDict(config.complete(config.Job, values))\n"
  )
  return path


@pytest.fixture
def file(tmp_path):
  return written(tmp_path / "job.py", small_job.mapping())


def memory(done):
  """GiB of each class while each program runs, and whether they fit."""
  lines = done.stdout.splitlines()
  begin = next(i for i, x in enumerate(lines) if x.startswith("GiB on each"))
  head, *rows = lines[begin + 1 : lines.index("", begin)]
  told = {}
  for row in rows:
    name, *words = row.split()
    sizes = [0.0 if x == "-" else float(x) for x in words[: len(head.split())]]
    told[name] = dict(zip(head.split(), sizes, strict=True))
    told[name]["place"] = " ".join(words[len(sizes) :])
  return told


def work(done):
  """FLOPs, bytes of HBM and received bytes of each program."""
  found = re.findall(
    r"^(\w+), a (?:call|step|row) +([\d.e+-]+) +([\d.e+-]+) +([\d.e+-]+)",
    done.stdout,
    re.M,
  )
  return {name: [*map(float, figures)] for name, *figures in found}


def test_on_the_devices_of_a_test(file):
  """Here nothing fails to fit, and the smallest number of parts is 1."""
  done = run(f"--config={file}", "--topology=cpu", "--search")
  assert done.returncode == 0, done.stderr
  assert "microbatches=1: " in done.stdout
  told, figures = memory(done), work(done)
  for name in ("update", "score", "prepare", "prefill", "admit", "decode"):
    assert told[name]["place"].startswith("fits"), name
    assert figures[name][1] > 0, name
  assert figures["update"][0] > 3 * figures["score"][0] > 0
  assert figures["update"][2] > 0  # gradients
  assert "no recomputation" in done.stdout


def test_what_is_too_large_is_said_in_one_line(file):
  """The slots of a city on this machine."""
  done = run(
    f"--config={file}", "--topology=cpu", "--programs=decode",
    "--config.engine.slots=2048", "--config.stages.rl.comparisons=512",
    "--config.stages.rl.sampling.max_new_tokens=2_000_000",
    "--config.model.max_positions=3_000_000",
  )  # fmt: skip
  assert done.returncode == 1
  assert "DOES NOT FIT" in done.stdout
  (line,) = done.stderr.splitlines()
  assert re.search(r"decode needs [\d.]+ GiB on each chip .* which has ", line)
  assert "engine.slots" in line


def test_mistakes_in_one_line(file):
  for arguments, message in (
    (["--stage=warm_start"], "those of the config: rl"),
    (["--programs=updates"], "updates is none of update"),
    (["--topology=v9:2x2"], "no figures of 'v9' are known"),
    (["--config.mesh.fsdp=3"], "needs 3 devices, there are 8"),
    (
      ["--config.stages.rl.microbatches=4", "--programs=update"],
      "32 rows do not divide into minibatches=2 of microbatches=4",
    ),
  ):
    done = run(f"--config={file}", "--topology=cpu", *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert message in line


def test_without_libtpu_it_says_what_to_install(file):
  done = run(f"--config={file}", "--topology=v5e:2x2", command=("-c", HIDDEN))
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert "pip install 'jax[tpu]==" in line


tpu = pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu, the compiler for TPUs, is not installed: "
  "pip install 'jax[tpu]'",
)
ROLLOUT = "--programs=prepare,prefill,admit,decode"


@tpu
@pytest.mark.parametrize(
  ("name", "topology"),
  [("rrm_7b", "v5e:4x4"), ("rrm_7b", "v6e:4x4"), ("rrm_32b", "v5p:4x4x4")],
)
def test_the_papers_jobs_fit(name, topology):
  done = run(
    f"--config=configs/{name}.py", f"--topology={topology}", "--level=O1"
  )
  assert done.returncode == 0, done.stderr
  assert "reinforcement learning at best" in done.stdout
  # The formula has 6 N D and attention; the products of the compiled program
  # are the same but for a recomputation here and there.
  formula, counted = re.findall(
    r"([\d.]+e\+\d+) (?:FLOPs|counted)", done.stdout
  )
  assert float(counted) == pytest.approx(float(formula), rel=0.02)


@tpu
def test_half_a_billion_on_four_chips(tmp_path):
  """Nothing is copied, and no step sends anything."""
  shape = config.to_mapping(presets.preset("qwen2.5-0.5b"))
  values = small_job.mapping() | {
    "model": shape | {"compute_dtype": "bfloat16", "remat": "full"},
    "data": {"source": "", "max_prompt_tokens": 1024},
    "engine": {"slots": 64},
  }
  values["stages"]["rl"]["sampling"] = {"max_new_tokens": 1024}
  values["stages"]["rl"] |= {"comparisons": 16, "samples": 8}
  file = written(tmp_path / "job.py", values)
  done = run(f"--config={file}", "--topology=v5e:2x2", "--level=O1", ROLLOUT)
  assert done.returncode == 0, done.stderr
  told = memory(done)
  for name in ("admit", "decode"):
    # 24 layers, 16 rows, 2 heads, 2,048 tokens of 64, keys and values, bf16.
    assert told[name]["cache"] == pytest.approx(0.375, abs=6e-3)
    assert told[name]["activations"] < 0.05
    assert told[name]["place"] == "fits cache in place"
  assert "decode: nothing" in done.stdout
  # A step reads the weights and the cache once, and little else.
  once = 2**30 * (told["decode"]["sampler"] + told["decode"]["cache"])
  assert work(done)["decode"][1] == pytest.approx(once, rel=0.15)


@tpu
def test_seven_billion_on_sixteen_chips():
  """Its weights are not gathered, though training cuts them 16-fold."""
  done = run(
    "--config=configs/rrm_7b.py", "--topology=v5e:4x4", "--level=O1",
    "--config.engine.kv_cache=int8", "--programs=admit,decode",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  for figures in memory(done).values():
    assert figures["place"] == "fits cache in place"
  assert 0 < work(done)["decode"][2] < 60 * 2**20


@tpu
@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (("--topology=v5e:9x9",), "--topology=v5e:9x9: "),
    (
      ("--topology=v5e:2x4", "--programs=decode"),
      r"decode needs [\d.]+ GiB on each chip .* which has 15.75",
    ),
    (
      ("--topology=v5e:2x4", "--programs=update"),
      r"update alone needs [\d.]+ GiB on each chip, which has 15.75",
    ),
  ],
)
def test_what_cannot_be_is_said_in_one_line(arguments, message):
  done = run("--config=configs/rrm_7b.py", "--level=O1", *arguments)
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert re.search(message, line)
