"""The contestants of the rollout suite, and the suite itself."""

import json
import subprocess
import sys

import pytest

from tests.launch import running
from tools.benchmark import race, rollout, venue
from tools.benchmark.contestants import track

TINY = "vocab_size=64,embed_dim=32,mlp_dim=48,num_layers=2,num_heads=4"
TINY += ",head_dim=8"


def call(*flags, suite="rollout"):
  """Runs a suite as a user does: exit status, output, errors."""
  done = subprocess.run(
    [sys.executable, "-m", "tools.benchmark", suite, *flags],
    cwd=running.ROOT, capture_output=True, text=True, timeout=running.LONG,
    env=running.environment(devices=1),
  )  # fmt: skip
  return done.returncode, done.stdout, done.stderr


WORK = track.Work(
  weights="",
  model={"vocab_size": 5},
  dtype="float32",
  slots=2,
  requests=[track.Request([1], 0, i, length=i + 1) for i in range(3)],
)


def test_static_batches():
  assert [len(batch) for batch in WORK.batches()] == [2, 1]


@pytest.mark.parametrize(
  ("written", "words"),
  [
    ([[1], [1, 2]], "2 completions for 3 requests"),
    ([[1], [1], [1, 2, 3]], "request 1: 1 tokens, asked for 2"),
    ([[1], [1, 5], [1, 2, 3]], "request 1: ids beyond the vocabulary"),
  ],
)
def test_who_writes_something_else_is_out(written, words):
  track.check(WORK, [[0], [1, 4], [1, 2, 3]])
  with pytest.raises(ValueError, match=words):
    track.check(WORK, written)


@pytest.fixture
def contestant(tmp_path, monkeypatch):
  """Makes a contestant of the source of its script."""
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))

  def make(source):
    (tmp_path / "made_here.py").write_text(source)
    return race.Contestant("made_here", "made_here", sys.executable)

  return make


def answers(made, folder, patience=60.0):
  """What a contestant says at the start and of one round."""
  with race.running(made, folder / "work.json", patience) as runner:
    return runner.ready(), runner.round()


def test_a_contestant_answers(contestant, tmp_path):
  made = contestant(
    'print(\'{"note": "n"}\', flush=True)\ninput()\n'
    'print(\'{"seconds": 1, "peak": 4}\')'
  )
  assert answers(made, tmp_path) == (
    {"note": "n"}, {"seconds": 1, "peak": 4}
  )  # fmt: skip


@pytest.mark.parametrize(
  ("source", "words"),
  [
    ("raise ValueError('too long')", "ValueError: too long"),
    ("import sys\nsys.exit(3)", "exit status 3: nothing said"),
    ("print('{}', flush=True)\ninput()\n1 / 0", "ZeroDivisionError: "),
  ],
)
def test_a_contestant_that_ends(contestant, tmp_path, source, words):
  with pytest.raises(race.Failure, match=words):
    answers(contestant(source), tmp_path)


def test_a_contestant_that_does_not_answer(contestant, tmp_path):
  made = contestant("import time\ntime.sleep(600)")
  with pytest.raises(race.Failure, match=r"no answer in 1 s"):
    answers(made, tmp_path, patience=1.0)


def test_an_absent_contestant(tmp_path):
  absent = race.Contestant("tunix", "x", "", "run it")
  with pytest.raises(race.Failure, match="absent: run it"):
    answers(absent, tmp_path)
  unreal = absent._replace(python=str(tmp_path / "python"))
  with pytest.raises(race.Failure, match="No such file"):
    answers(unreal, tmp_path)


def test_tunix_is_absent_without_its_environment(monkeypatch, tmp_path):
  monkeypatch.setattr(race, "PEERS", tmp_path / "python")
  names = ["ours", "tunix"]
  ours, tunix = race.contestants(names, rollout.ENTRIES, "")
  assert (ours.name, ours.python) == ("ours", sys.executable)
  assert (tunix.name, tunix.python) == ("tunix", "")
  assert tunix.absent == "run tools/benchmark/peers.sh"
  with pytest.raises(ValueError, match="python does not exist; run tools/"):
    race.contestants(names, rollout.ENTRIES, str(tmp_path / "python"))


def test_shapes_by_flag():
  made = venue.shape(venue.SMALL, ["num_layers=3", "tied_embeddings=false"])
  assert (made.num_layers, made.tied_embeddings) == (3, False)
  assert made.embed_dim == venue.SMALL.embed_dim
  with pytest.raises(ValueError, match=r"did you mean model\.num_layers\?"):
    venue.shape(venue.SMALL, ["num_layer=3"])
  with pytest.raises(ValueError, match="'three' is no number"):
    venue.shape(venue.SMALL, ["num_layers=three"])


def test_the_suite(tmp_path):
  """Ours runs; one whose library is not there does not end the others."""
  code, output, errors = call(
    "--workloads=equal", "--contestants=tunix,ours", "--shrink=32",
    "--rounds=1", f"--model={TINY}", f"--peers_python={sys.executable}",
    f"--output={tmp_path}",
  )  # fmt: skip
  assert code == 0, errors
  assert "equal: 32 prompts of 4 tokens x 1, 8..8 new tokens" in output
  report = json.loads((tmp_path / "rollout.json").read_text())
  assert report["options"]["model"]["embed_dim"] == 32
  assert report["machine"]["device"] == "cpu"
  (found,) = report["workloads"]
  assert found["tokens"] == 256 and len(found["load_average"]) == 2
  tunix, ours = found["contestants"]
  assert tunix["error"] == "ModuleNotFoundError: No module named 'tunix'"
  assert "Traceback" in tunix["log"] and tunix["rate"] is None
  assert tunix["error"] in output
  assert ours["error"] == "" and len(ours["rounds"]) == 2
  # 32 rows of 8 tokens in 16 slots.
  assert (ours["steps"], ours["occupancy"]) == (16, 1.0)
  assert ours["rate"] == pytest.approx(256 / ours["rounds"][1]["seconds"])
  assert 0 < ours["first"] <= 1e3 * ours["rounds"][1]["seconds"]
  assert ours["of_ours"] == 1.0 and ours["of_floor"] > 0
  assert ours["libraries"].keys() == {"jax", "flax"}
  assert (tmp_path / "rollout.png").exists()


@pytest.mark.parametrize(
  ("wrong", "words"),
  [
    ({"workloads": ["even"]}, "'even' is no workload; there are"),
    ({"contestants": ["vllm"]}, "'vllm' is no contestant; there are ours"),
  ],
)
def test_options_that_name_nothing(wrong, words):
  with pytest.raises(ValueError, match=words):
    rollout.suite(rollout.Options(**wrong))


def test_mistakes_are_one_line():
  code, _, errors = call("--preset=qwen3")
  assert code == 1 and "qwen3" in errors and "Traceback" not in errors
