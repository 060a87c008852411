"""Configs are found from any folder, and what is wrong with them is told."""

import json
import os
import subprocess
import sys

import pytest

from tests.launch import running


def call(folder, module, *flags):
  """Runs a binary in a folder that is not the repository's."""
  done = subprocess.run(
    [sys.executable, "-m", module, *flags],
    cwd=folder, capture_output=True, text=True, timeout=running.LONG,
    env={**running.environment(devices=1), "PYTHONPATH": str(running.ROOT)},
  )  # fmt: skip
  return done.returncode, done.stdout, done.stderr


def test_the_default_config_is_found_from_any_folder(tmp_path):
  row = {"query": "q", "chosen": "a", "rejected": "b"}
  (tmp_path / "rows.jsonl").write_text(json.dumps(row))
  code, printed, errors = call(
    tmp_path, "launch.evaluate", "--judge=simulated:0", "--data=rows.jsonl",
    "--output=out", "--config.samples=3",
  )  # fmt: skip
  assert code == 0, errors
  assert "100.0" in printed
  report = json.loads((tmp_path / "out/report.json").read_text())
  assert report["samples"] == 3 and report["accuracy"] == 1.0


def test_a_config_that_is_not_there(tmp_path):
  flags = ["--config=configs/mini.py", f"--workdir={tmp_path / 'run'}"]
  apart = ["--config", "configs/mini.py", flags[1]]
  for given in (flags, [*flags, "--config.seed=1"], apart):
    code, printed, errors = call(tmp_path, "launch.train", *given)
    assert (code, printed) == (1, "")
    assert errors.splitlines() == [
      "error: --config: [Errno 2] No such file or directory: "
      f"'configs/mini.py'; {running.ROOT / 'configs'} has evaluate.py, "
      "gsm8k_smoke.py, mini.py, rrm_32b.py, rrm_7b.py, tournament.py"
    ]
  assert os.listdir(tmp_path) == []


MINE = """
from configs import mini

def get_config():
  cfg = mini.get_config()
  cfg.stages.warm_start.gate = None
  {}
"""
WRITTEN = {
  "mine.py": MINE.format("return cfg"),
  "typo.py": MINE.format("cfg.stges.rl.steps = 3"),
  "text.py": MINE.format("cfg.seed = 'three'"),
  "reads.py": MINE.format("return open('nowhere.json').read()"),
  "dict.py": MINE.format("return {'name': 'x'}"),
  "empty.py": "",
  "few.py": """
import ml_collections

def get_config():
  return ml_collections.ConfigDict({"name": "few"})
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  made = tmp_path_factory.mktemp("mine")
  for name, text in WRITTEN.items():
    (made / name).write_text(text)
  return made


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ([], "--config must be given; --help lists the flags"),
    (["--config=mine.py"], "--workdir must be given; --help lists the flags"),
    (
      ["--config=mine.py", "--confg.seed=3"],
      "Unknown command line flag 'confg.seed'; --help lists the flags",
    ),
    (
      ["--config=mine.py", "--config.sed=3"],
      '--config.sed=3: Did you mean "seed" instead of "sed"?',
    ),
    (
      ["--config=mine.py", "--config.seed=three"],
      "--config.seed=three: invalid literal for int() with base 10: 'three'",
    ),
    *(
      (
        [
          "--config=mine.py",
          "--workdir=run",
          f"--config.stages.warm_start.gate{field}=None",
        ],
        f"config.stages.warm_start.gate{field}: the config file leaves this "
        "field None, where no flag can fill it; set it in the file",
      )
      for field in ("", ".every")
    ),
    (
      ["--config=typo.py", "--workdir=run"],
      'typo.py:7: Did you mean "stages" instead of "stges"?',
    ),
    (
      ["--config=text.py", "--workdir=run"],
      "text.py:7: TypeError: Could not override field 'seed' (reference). "
      "three is of original type <class 'str'> and cannot be casted to type "
      "<class 'int'>",
    ),
    (
      ["--config=reads.py", "--workdir=run"],
      "reads.py: [Errno 2] No such file or directory: 'nowhere.json'",
    ),
    (
      ["--config=dict.py", "--workdir=run"],
      "--config=dict.py: its get_config() returns dict, must return an "
      "ml_collections.ConfigDict",
    ),
    (
      ["--config=few.py", "--workdir=run", "--config.seed=3"],
      "the config file has no field seed, and no flag can add one; give what "
      "it returns to rrm_jax.config.complete first, which adds what is left "
      "out",
    ),
    (
      ["--config=empty.py", "--workdir=run"],
      "empty.py has no function get_config()",
    ),
  ],
)
def test_mistakes_in_flags_and_config_files(folder, flags, message):
  code, printed, errors = call(folder, "launch.train", *flags)
  assert (code, printed, errors) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize("place", ["mine.py", "mine.py/run"])
def test_a_workdir_that_cannot_be(folder, place):
  code, printed, errors = call(
    folder, "launch.train", "--config=mine.py", f"--workdir={place}"
  )
  assert (code, printed) == (1, "")
  assert errors.startswith(f"error: --workdir={place}: ")
  assert errors.endswith("; choose another folder\n")


@pytest.mark.parametrize(
  ("module", "flags"),
  [
    (["launch.train"], ["config", "workdir", "coordinator"]),
    (["launch.evaluate"], ["config", "model", "judge", "cache", "data"]),
    (["launch.tournament"], ["config", "model", "judge", "candidates"]),
    (["tools.prepare_data"], ["data", "output"]),
    (["tools.prepare_data", "pairs"], ["problems", "answers", "output"]),
  ],
)
def test_help_lists_all_flags_of_a_command(tmp_path, module, flags):
  _, printed, _ = call(tmp_path, *module, "--help")
  for flag in flags:
    assert f"\n  --{flag}: " in printed
