"""The binaries as a user starts them: what they print, and how they refuse."""

import json
import shlex
import subprocess
import sys

import pytest

from rrm_jax import config
from rrm_jax.data import arithmetic
from tests import hf_folders, small_job
from tests.launch import running

MODEL = hf_folders.MODEL


def call(module, *flags):
  """Runs a module to its end: exit status, output, errors."""
  done = subprocess.run(
    [sys.executable, "-m", module, *map(str, flags)],
    cwd=running.ROOT, capture_output=True, text=True, timeout=running.LONG,
    env=running.environment(devices=1),
  )  # fmt: skip
  return done.returncode, done.stdout, done.stderr


def fails(module, *flags):
  """The one line that a failing binary ends with."""
  code, _, errors = call(module, *flags)
  assert code == 1
  assert "Traceback" not in errors
  lines = [line for line in errors.splitlines() if line.startswith("error: ")]
  assert len(lines) == 1 and errors.splitlines()[-1] == lines[0]
  return lines[0]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
  return hf_folders.make(
    tmp_path_factory.mktemp("hf") / "hf", dtype="bfloat16", shard_bytes=20_000
  )


@pytest.fixture(scope="module")
def imported(source):
  output = source.parent / "imported"
  code, printed, errors = call(
    "tools.import_hf", f"--source={source}", f"--output={output}"
  )
  assert code == 0, errors
  assert "GB/s" in printed and str(output) in printed.splitlines()[-1]
  assert "reading" in errors
  return output


def test_there_and_back(source, imported, tmp_path):
  flags = [f"--workdir={imported}", f"--output={tmp_path / 'out'}"]
  code, printed, errors = call("tools.export_hf", *flags)
  assert code == 0, errors
  assert printed.splitlines()[-1] == str(tmp_path / "out")
  assert hf_folders.tensors(tmp_path / "out") == hf_folders.tensors(source)
  assert "not empty" in fails("tools.export_hf", *flags, "--shard_gb=0.1")


@pytest.fixture(scope="module")
def judged(source):
  """A config that asks as the built-in task does, and data for it."""
  values = config.complete(
    config.Evaluate,
    {
      "sampling": {"max_new_tokens": 6},
      "template": {"name": "arithmetic"},
      "engine": {"slots": 8},
      "compute_dtype": "float32",
    },
  )
  (source.parent / "evaluate.py").write_text(
    "import ml_collections\n\n\n"
    f"def get_config():\n  return ml_collections.ConfigDict({values!r})\n"
  )
  task = config.Data(max_terms=4)
  made = [arithmetic.comparison(task, 5, "test", i) for i in range(4)]
  rows = [
    {
      "id": c.uid, "query": c.query, "response_1": c.responses[0],
      "response_2": c.responses[1], "label": c.label,
    }
    for c in made
  ]  # fmt: skip
  (source.parent / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
  return [
    f"--config={source.parent / 'evaluate.py'}",
    f"--data={source.parent / 'data.jsonl'}",
  ]


def test_a_folder_judges_as_its_workdir_does(
  source, imported, judged, tmp_path
):
  said = {}
  for name, model in {"hf": source, "workdir": imported}.items():
    code, _, errors = call(
      "launch.evaluate", f"--model={model}", f"--output={tmp_path / name}",
      *judged,
    )  # fmt: skip
    assert code == 0, errors
    said[name] = (tmp_path / name / "judgements.jsonl").read_text()
  assert said["hf"] == said["workdir"]
  assert said["hf"].count("\n") == 8


def test_training_starts_from_a_folder(source, tmp_path):
  values = small_job.mapping() | {"order": ["warm_start"], "evaluation": {}}
  values["stages"]["warm_start"]["steps"] = 2
  file = running.write_config(tmp_path, values)
  start = f"--config.init_from={source}"
  code, _, errors = running.run(file, tmp_path / "run", start)
  assert code == 1 and "Traceback" not in errors
  said = next(li for li in errors.splitlines() if li.startswith("error: "))
  flags = shlex.split(said.partition("take its shape: ")[2])
  assert "--config.model.num_heads=4" not in flags
  # Pasted, they make the run.
  code, _, errors = running.run(file, tmp_path / "again", start, *flags)
  assert code == 0, errors
  assert (tmp_path / "again" / "checkpoints" / "warm_start" / "2").is_dir()


def _cut(folder):
  path = sorted(folder.glob("*.safetensors"))[1]
  path.write_bytes(path.read_bytes()[:-7])
  return path.name


def _architecture(folder):
  path = folder / "config.json"
  path.write_text(path.read_text().replace('"qwen2"', '"llama"'))
  return "llama"


@pytest.mark.parametrize("damage", [_cut, _architecture])
def test_a_damaged_source(tmp_path, damage):
  made = hf_folders.make(tmp_path / "hf", shard_bytes=20_000)
  word = damage(made)
  error = fails(
    "tools.import_hf", f"--source={made}", f"--output={tmp_path / 'out'}"
  )
  assert word in error and str(made) in error
  assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_no_such_weights(imported, tmp_path):
  error = fails(
    "tools.export_hf", f"--workdir={imported}", f"--output={tmp_path / 'o'}",
    "--weights=rl@15",
  )  # fmt: skip
  assert "no stage 'rl'" in error


def test_check_parity(source, imported, tmp_path):
  pytest.importorskip("torch", reason="torch is the parity tests' peer")
  code, printed, errors = call(
    "tools.check_parity", f"--model={imported}", f"--against={source}",
    "--tokens=16",
  )  # fmt: skip
  assert code == 0, errors
  assert printed.splitlines()[-1] == "parity: all within 1e-04"
  assert "layer 1" in printed and "OFF" not in printed
  good = hf_folders.make(tmp_path / "good")
  bad = hf_folders.make(tmp_path / "bad")
  hf_folders.perturb(bad, "model.layers.1.mlp.up_proj.weight", 1.01)
  code, printed, errors = call(
    "tools.check_parity", f"--model={bad}", f"--against={good}", "--tokens=16"
  )
  assert code == 1 and not errors.count("error: ")
  assert printed.splitlines()[-1].startswith("first divergence: layer 1 (mlp)")
  assert "tools.export_hf" in fails("tools.check_parity", f"--model={imported}")


def test_parity_needs_its_peer(source, tmp_path, monkeypatch):
  """Without torch it says what to install."""
  (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(name='torch')")
  monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{running.ROOT}")
  error = fails("tools.check_parity", f"--model={source}")
  assert "pip install -e '.[test]'" in error


def test_no_suite():
  assert "python -m tools.benchmark hf" in fails("tools.benchmark", "hg")
