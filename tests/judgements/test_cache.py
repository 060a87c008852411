"""The cache on disk: nothing lost, nothing taken that is not whole."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrm_jax.judgements import rows
from rrm_jax.judgements.cache import Cache
from tests.judgements.judging import IDENTITY, answer, question

ROOT = Path(__file__).parents[2]
JUDGE = rows.digest(IDENTITY)
OTHER = {"weights": "v", "sampling": {"temperature": 1.0, "stop": ["x"]}}


def made(numbers, identity=IDENTITY):
  """Judgements by their keys."""
  judge = rows.digest(identity)
  asked = [question(i) for i in numbers]
  return {rows.key(judge, q): answer(q) for q in asked}


def files(folder):
  return sorted(folder.glob("*.jsonl"))


def test_what_is_written_is_there_afterwards(tmp_path):
  with Cache(tmp_path / "a" / "b") as cache:
    assert cache.get(rows.key(JUDGE, question(0))) is None
    cache.add(IDENTITY, made(range(3)))
    cache.add(IDENTITY, made(range(3, 5)))
    cache.add(IDENTITY, {})
    there = {name: cache.get(name) for name in made(range(5))}
  assert there == made(range(5))
  (file,) = files(tmp_path / "a" / "b")
  assert len(file.read_bytes().splitlines()) == 6  # one tells of the judge
  with Cache(tmp_path / "a" / "b") as again:
    assert {name: again.get(name) for name in made(range(5))} == made(range(5))
    assert len(again) == 5 and again.faults == []
  assert files(tmp_path / "a" / "b") == [file]  # a reader leaves no file


STEPS = st.lists(
  st.one_of(
    st.tuples(st.just("add"), st.integers(0, 2), st.integers(0, 20)),
    st.tuples(st.just("refresh"), st.integers(0, 2), st.just(0)),
    # Killed when so many bytes of its next line are written.
    st.tuples(st.just("kill"), st.integers(0, 2), st.integers(0, 400)),
  ),
  max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(steps=STEPS)
def test_any_interleaving_of_writers_and_deaths_loses_nothing(
  steps, tmp_path_factory
):
  folder = tmp_path_factory.mktemp("cache")
  writers = [Cache(folder) for _ in range(3)]
  owned = [None] * 3
  kept = set()

  def whole(cache):
    return {name: cache.get(name) for name in made(kept)} == made(kept)

  for what, who, number in steps:
    writer = writers[who]
    if what == "add":
      before = files(folder)
      writer.add(IDENTITY, made([number]))
      kept.add(number)
      owned[who] = (set(files(folder)) - {*before} or {owned[who]}).pop()
      assert writer.get(*made([number])) == answer(question(number))
    elif what == "refresh":
      writer.refresh()
      assert whole(writer)
    elif owned[who] is not None:
      line = rows.line({"key": "k", "judge": JUDGE} | rows.to_row(
        answer(question(99))
      ))  # fmt: skip
      with owned[who].open("ab") as file:
        file.write(line[: min(number, len(line) - 1)])
      writer.close()
      writers[who], owned[who] = Cache(folder), None
  for writer in writers:
    writer.close()
  with Cache(folder) as cache:
    assert cache.faults == []
    assert whole(cache) and len(cache) == len(kept)


def test_damaged_lines_are_named_and_the_others_kept(tmp_path, caplog):
  with Cache(tmp_path) as cache:
    cache.add(IDENTITY, made(range(6)))
  (file,) = files(tmp_path)
  lines = file.read_bytes().split(b"\n")
  lines[2] = lines[2].replace(b"yes", b"no!").replace(b"row-1", b"row-7")
  lines[4] = b"\0" * 40
  lines[5] = b'{"key": "a row of another program"}'
  file.write_bytes(b"\n".join(lines))
  with caplog.at_level(logging.WARNING), Cache(tmp_path) as cache:
    found = [cache.get(name) is not None for name in made(range(6))]
    assert len(cache) == 3
  assert found == [True, False, True, False, False, True]
  assert [fault.split(": ")[0] for fault in cache.faults] == [
    f"{file}:3", f"{file}:5", f"{file}:6"
  ]  # fmt: skip
  assert "3 damaged lines" in caplog.text and f"{file}:5" in caplog.text
  assert "checksum" in cache.faults[0]


def test_many_damaged_lines_are_counted(tmp_path, caplog):
  (tmp_path / "1.jsonl").write_bytes(b"{}\n" * 25)
  with caplog.at_level(logging.WARNING), Cache(tmp_path) as cache:
    assert len(cache.faults) == 25
  assert "25 damaged lines" in caplog.text and "and 15 more" in caplog.text


def test_a_torn_line_is_told_and_is_no_damage(tmp_path, caplog):
  with Cache(tmp_path) as cache:
    cache.add(IDENTITY, made(range(3)))
  (file,) = files(tmp_path)
  file.write_bytes(file.read_bytes()[:-7])
  with caplog.at_level(logging.INFO), Cache(tmp_path) as cache:
    assert len(cache) == 2 and cache.faults == []
    assert f"{file}:4 is unfinished" in caplog.text
    cache.add(IDENTITY, made([2]))
    assert len(cache) == 3
  assert len(files(tmp_path)) == 2


def test_a_line_being_written_is_read_when_it_is_whole(tmp_path):
  with Cache(tmp_path) as cache:
    cache.add(IDENTITY, made(range(2)))
  (file,) = files(tmp_path)
  whole = file.read_bytes()
  file.write_bytes(whole[:-9])
  with Cache(tmp_path) as reader:
    assert len(reader) == 1
    with file.open("ab") as writer:
      writer.write(whole[-9:])
    reader.refresh()
    assert len(reader) == 2 and reader.faults == []


def test_judgements_of_others_are_told_and_not_found(tmp_path):
  with Cache(tmp_path) as cache:
    cache.add(OTHER, made(range(4), OTHER))
    cache.add(IDENTITY, made(range(2)))
    told = cache.told(IDENTITY)
    assert cache.get(rows.key(JUDGE, question(3))) is None
  assert "2 judgements of this judge" in told
  assert "4 with other weights, sampling.temperature" in told
  assert "of this judge" in cache.told(OTHER)
  assert "2 with other weights" in cache.told(OTHER)
  with Cache(tmp_path) as again:
    assert again.told(IDENTITY) == told
  alone = Cache(tmp_path / "empty").told(IDENTITY)
  assert alone.endswith("0 judgements of this judge")


def test_a_folder_that_cannot_be_written(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(ValueError, match=r"file cannot be written: .* choose"):
    Cache(tmp_path / "file")
  with pytest.raises(ValueError, match="cannot be written"):
    Cache(tmp_path / "file" / "cache")
  cache = Cache(tmp_path / "gone")
  (tmp_path / "gone").rmdir()
  with pytest.raises(ValueError, match="gone cannot be written"):
    cache.add(IDENTITY, made([1]))


def test_a_full_disk_is_an_error_and_spoils_nothing(tmp_path):
  """After a line that was cut by it, nothing is appended."""
  with Cache(tmp_path) as cache:
    cache.add(IDENTITY, made([1]))
  script = (
    "import resource, signal, sys\n"
    "from pathlib import Path\n"
    "from tests.judgements.test_cache import IDENTITY, Cache, files, made\n"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "cache = Cache(Path(sys.argv[1]))\n"
    "cache.add(IDENTITY, made([2]))\n"
    "size = files(cache.folder)[-1].stat().st_size + 100\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1))\n"
    "try:\n"
    "  cache.add(IDENTITY, made([3]))\n"
    "except ValueError as error:\n"
    "  print(error)\n"
    "cache.add(IDENTITY, made([4]))\n"
    "cache.close()\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT,
    capture_output=True, text=True, timeout=120, check=True,
  )  # fmt: skip
  assert "cannot be written: File too large" in done.stdout
  assert len(files(tmp_path)) == 3
  cache.refresh()
  assert cache.faults == []
  found = [cache.get(name) is not None for name in made(range(1, 5))]
  assert found == [True, True, False, True]


_WRITER = """
import sys
from pathlib import Path
from tests.judgements.test_cache import IDENTITY, Cache, made

cache = Cache(Path(sys.argv[1]))
for i in range(int(sys.argv[2]), 10**9, 2):
  cache.add(IDENTITY, made([i]))
  print(i, flush=True)
"""


def test_two_processes_that_are_killed_lose_nothing(tmp_path):
  writers = [
    subprocess.Popen(
      [sys.executable, "-c", _WRITER, str(tmp_path), str(first)],
      cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )
    for first in (0, 1)
  ]  # fmt: skip
  said = []
  for writer in writers:
    assert writer.stdout is not None
    said += [int(writer.stdout.readline()) for _ in range(40)]
  for writer in writers:
    writer.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.stdout]
    writer.stdout.close()
    writer.wait()
  with Cache(tmp_path) as cache:
    assert cache.faults == []
    assert {name: cache.get(name) for name in made(said)} == made(said)
    assert len(said) <= len(cache) <= len(said) + 2
