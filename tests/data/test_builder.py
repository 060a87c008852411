"""What was written is read back whole, or not at all."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from rrm_jax import config
from rrm_jax.data import arithmetic, builder

TASK = config.Data(max_terms=4, num_train=30, num_test=7)


def drawn(task, seed, split, count):
  return [
    arithmetic.comparison(task, seed, split, index) for index in range(count)
  ]


def test_reads_what_it_wrote(tmp_path):
  folder = tmp_path / "not" / "there" / "yet"
  builder.prepare(TASK, 3, folder)
  train = builder.load(TASK, 3, "train", folder)
  test = builder.load(TASK, 3, "test", folder)
  assert (len(train), len(test)) == (30, 7)
  assert list(train) == drawn(TASK, 3, "train", 30)
  assert list(test) == drawn(TASK, 3, "test", 7)
  assert train[12] == arithmetic.comparison(TASK, 3, "train", 12)


@pytest.mark.parametrize("index", [-1, 7])
def test_an_index_outside_is_an_error(tmp_path, index):
  builder.prepare(TASK, 0, tmp_path)
  with pytest.raises(IndexError, match=rf"{index} is not in 0\.\.6"):
    builder.load(TASK, 0, "test", tmp_path)[index]


@pytest.mark.parametrize(
  ("seed", "change"),
  [
    (1, {}),
    (0, {"max_terms": 5}),
    (0, {"min_terms": 2}),
    (0, {"operators": "+"}),
    (0, {"num_train": 31}),
    (0, {"num_test": 8}),
  ],
)
def test_never_reads_another_set(tmp_path, seed, change):
  shape = {"max_terms": 4, "num_train": 30, "num_test": 7}
  other = config.Data(**{**shape, **change})
  builder.prepare(TASK, 0, tmp_path)
  with pytest.raises(ValueError, match="does not exist; write it with"):
    builder.load(other, seed, "train", tmp_path)
  builder.prepare(other, seed, tmp_path)
  assert list(builder.load(other, seed, "train", tmp_path)) == drawn(
    other, seed, "train", other.num_train
  )
  assert (
    builder.load(TASK, 0, "train", tmp_path)[0] == drawn(TASK, 0, "train", 1)[0]
  )


def test_is_written_once(tmp_path, monkeypatch):
  builder.prepare(TASK, 0, tmp_path)

  def refuse(*arguments):
    raise AssertionError("written again")

  with monkeypatch.context() as patch:
    patch.setattr(builder.ArithmeticComparisons, "__init__", refuse)
    builder.prepare(TASK, 0, tmp_path)
  assert len(builder.load(TASK, 0, "train", tmp_path)) == 30


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
  draw = arithmetic.comparison

  def fail_at_20(task, seed, split, index):
    if index == 20:
      raise KeyboardInterrupt
    return draw(task, seed, split, index)

  with monkeypatch.context() as patch:
    patch.setattr(arithmetic, "comparison", fail_at_20)
    with pytest.raises(KeyboardInterrupt):
      builder.prepare(TASK, 0, tmp_path)
  assert list(tmp_path.iterdir()) == []
  builder.prepare(TASK, 0, tmp_path)
  assert list(builder.load(TASK, 0, "test", tmp_path)) == drawn(
    TASK, 0, "test", 7
  )


def run(code, *arguments, flags=()):
  return subprocess.run(
    [sys.executable, *flags, "-c", textwrap.dedent(code), *arguments],
    capture_output=True,
    text=True,
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    check=False,
  )


def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path):
  code = """
    import os, pathlib, signal, sys
    from rrm_jax import config
    from rrm_jax.data import arithmetic, builder
    draw = arithmetic.comparison
    def killed_at_5(task, seed, split, index):
      if split == "test" and index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
      return draw(task, seed, split, index)
    arithmetic.comparison = killed_at_5
    task = config.Data(max_terms=4, num_train=30, num_test=7)
    builder.prepare(task, 0, pathlib.Path(sys.argv[1]))
  """
  done = run(code, str(tmp_path))
  assert done.returncode == -signal.SIGKILL, done.stderr
  assert list(tmp_path.iterdir())  # something was half written
  with pytest.raises(ValueError, match="does not exist"):
    builder.load(TASK, 0, "train", tmp_path)
  builder.prepare(TASK, 0, tmp_path)
  assert list(builder.load(TASK, 0, "test", tmp_path)) == drawn(
    TASK, 0, "test", 7
  )


def test_two_writers_at_once_end_with_one_whole_set(tmp_path, monkeypatch):
  draw = arithmetic.comparison

  def overtaken_at_20(task, seed, split, index):
    if index == 20:
      monkeypatch.setattr(arithmetic, "comparison", draw)
      builder.prepare(task, seed, tmp_path)
    return draw(task, seed, split, index)

  monkeypatch.setattr(arithmetic, "comparison", overtaken_at_20)
  builder.prepare(TASK, 0, tmp_path)
  assert len(list(tmp_path.iterdir())) == 1
  assert list(builder.load(TASK, 0, "train", tmp_path)) == drawn(
    TASK, 0, "train", 30
  )


def test_needs_no_tensorflow_no_jax_no_network_and_says_nothing(tmp_path):
  code = """
    import pathlib, socket, sys
    def no_network(*arguments):
      raise AssertionError(f"network: {arguments}")
    socket.getaddrinfo = socket.socket.connect = no_network
    from rrm_jax import config
    from rrm_jax.data import builder
    task = config.Data(max_terms=4, num_train=30, num_test=7)
    folder = pathlib.Path(sys.argv[1])
    builder.prepare(task, 0, folder)
    assert len(list(builder.load(task, 0, "train", folder))) == 30
    assert not {"jax", "tensorflow"} & set(sys.modules)
  """
  done = run(code, str(tmp_path), flags=["-W", "error"])
  assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_folder_imports_neither_jax_nor_tensorflow():
  code = """
    import importlib, pkgutil, sys
    import rrm_jax.data
    names = [module.name for module in pkgutil.iter_modules(
      rrm_jax.data.__path__, "rrm_jax.data.")]
    assert len(names) >= 6, names
    for name in names:
      importlib.import_module(name)
    print(sorted({"jax", "tensorflow", "torch"} & set(sys.modules)))
  """
  done = run(code)
  assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_set_of_another_length_is_refused(tmp_path):
  builder.prepare(TASK, 0, tmp_path)
  [info] = tmp_path.rglob("dataset_info.json")
  info.write_text(info.read_text().replace('"30"', '"29"'))
  with pytest.raises(ValueError, match=r"has 29 comparisons .* not 30; delete"):
    builder.load(TASK, 0, "train", tmp_path)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"num_train": 0}, "data.num_train=0 must be at least 1"),
    ({"num_test": -1}, "data.num_test=-1 must be at least 1"),
    ({"operators": "/"}, "data.operators='/' must name"),
  ],
)
def test_senseless_tasks_are_refused_before_writing(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    builder.prepare(config.Data(**change), 0, tmp_path / "folder")
  assert not (tmp_path / "folder").exists()


def test_a_file_is_no_folder(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(ValueError, match="file is not a folder"):
    builder.prepare(TASK, 0, tmp_path / "file")
