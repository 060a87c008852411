"""The suite of transfers: its tasks do what they are named, and its sums."""

import pytest

from rrm_jax import weights
from tests import hf_folders, tiny
from tools.benchmark import hf


@pytest.fixture
def place(tmp_path):
  hf.make(tmp_path / "source", hf_folders.MODEL, "bfloat16")
  hf.importing.import_folder(tmp_path / "source", tmp_path / "workdir")
  return tmp_path


def test_tasks(place):
  for task in hf.TASKS.values():
    task(place)
    for made in ("export",):
      if (place / made).exists():
        assert hf_folders.tensors(place / made) == hf_folders.tensors(
          place / "source"
        )
        (place / made).rename(place / f"{made} of {task.__name__}")
  assert hf_folders.tensors(place / "copy") == hf_folders.tensors(
    place / "source"
  )
  assert weights.model(place / "import", tiny.layout()).cfg.num_layers == 2


def test_a_task_in_a_process_of_its_own(place):
  done = hf.run("copy + fsync", place)
  assert done.seconds > 0 and not (place / "copy").exists()


def test_medians_and_rates():
  runs = {
    "copy + fsync": [hf.Run(2.0, 10), hf.Run(1.0, 10), hf.Run(9.0, 10)],
    "load": [hf.Run(4.0, 5_000_000_000)] * 3,
  }
  copied, loaded = hf.rows(runs, 4_000_000_000, on_cpu=True)
  assert (copied.seconds, copied.rate, copied.of_copy) == (2.0, 2.0, 1.0)
  assert (loaded.rate, loaded.of_copy) == (1.0, 0.5)
  assert (loaded.peak, loaded.beside) == (5.0, 1.0)
  assert hf.rows(runs, 4_000_000_000, on_cpu=False)[1].beside == 5.0
  lines = hf.table([copied, loaded]).splitlines()
  assert len(lines) == 3 and len({*map(len, lines)}) == 1
