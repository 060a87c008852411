"""Sets on disk are what was read, and are read from the files only once."""

import subprocess
import sys
import textwrap

import pytest

from rrm_jax.data import candidate_sets, prepared, public_sets

from .published import chat, write_lines, write_parquet


def rewardbench2(folder):
  row = {"prompt": "q", "chosen": ["a ü"], "rejected": ["b", "", "d"]}
  rows = [{"id": f"{n}", **row, "subset": "Math"} for n in range(5)]
  write_parquet(folder / "data/test-00000-of-00001.parquet", rows)
  return f"rewardbench2={folder}"


def jsonl(folder):
  many = {"conversation": chat("q", "a", "r"), "response_1": "x"}
  rows = [
    {"id": "one", "query": "q", "chosen": "a", "rejected": "b", "subset": "s"},
    {"id": "two", **many, "response_2": "y"},
  ]
  return str(write_lines(folder / "rows.jsonl", rows))


@pytest.mark.parametrize("write", [rewardbench2, jsonl])
def test_comparisons_are_what_was_read(tmp_path, write):
  spec = write(tmp_path / "raw")
  found = prepared.comparisons(spec, tmp_path / "kept")
  assert list(found) == public_sets.resolve(spec)


def test_groups_are_what_was_read(tmp_path):
  spec = rewardbench2(tmp_path / "raw")
  found = prepared.groups(spec, tmp_path / "kept")
  assert list(found) == public_sets.groups(spec).items
  with pytest.raises(IndexError, match=r"5 is not in 0\.\.4"):
    found[5]


def test_a_set_of_the_shared_folder(tmp_path, shared_data, monkeypatch):
  monkeypatch.setenv("RRM_SHARED", str(shared_data))
  found = prepared.comparisons("llmbar", tmp_path)
  assert list(found) == public_sets.resolve("llmbar")
  [place] = tmp_path.iterdir()
  assert place.name.startswith("llmbar-comparisons-")


def test_is_read_once(tmp_path, monkeypatch):
  spec = jsonl(tmp_path / "raw")
  first = list(prepared.comparisons(spec, tmp_path / "kept"))

  def refuse(spec):
    raise AssertionError("read again")

  monkeypatch.setattr(public_sets, "resolve", refuse)
  assert list(prepared.comparisons(spec, tmp_path / "kept")) == first


def test_other_files_are_another_set(tmp_path):
  spec = jsonl(tmp_path / "raw")
  before = list(prepared.comparisons(spec, tmp_path / "kept"))
  row = {"id": "one", "query": "q", "chosen": "c", "rejected": "b"}
  write_lines(tmp_path / "raw" / "rows.jsonl", [row])
  after = list(prepared.comparisons(spec, tmp_path / "kept"))
  assert (len(before), len(after)) == (2, 1)
  assert len(list((tmp_path / "kept").iterdir())) == 2


def test_sets_may_be_kept_in_the_folder_of_one(tmp_path):
  spec = rewardbench2(tmp_path)
  prepared.groups(spec, tmp_path)
  first = list(prepared.comparisons(spec, tmp_path))
  assert list(prepared.comparisons(spec, tmp_path)) == first
  kept = [path.name for path in tmp_path.iterdir() if path.name != "data"]
  assert len(kept) == 2


def test_a_kept_set_is_read_where_a_set_is(tmp_path, caplog):
  spec = rewardbench2(tmp_path / "raw")
  prepared.comparisons(spec, tmp_path / "kept")
  prepared.groups(spec, tmp_path / "kept")
  pairs = prepared.path(spec, "comparisons", tmp_path / "kept")
  groups = prepared.path(spec, "groups", tmp_path / "kept")
  expected = public_sets.read(spec)
  assert public_sets.read(f"rewardbench2={pairs}") == expected
  assert public_sets.resolve(str(pairs)) == expected.items
  expected = public_sets.groups(spec).items
  caplog.set_level("INFO")
  for name in (f"rewardbench2={groups}", str(groups)):
    assert candidate_sets.resolve(name) == expected
    assert f"{name}: 5 have an empty answer" in caplog.messages
  with pytest.raises(ValueError, match=r"cannot be read: Is a directory"):
    candidate_sets.resolve(str(pairs))


def test_what_is_not_whole_is_not_read(tmp_path):
  spec = rewardbench2(tmp_path / "raw")
  prepared.comparisons(spec, tmp_path / "kept")
  place = prepared.path(spec, "comparisons", tmp_path / "kept")
  for description in place.rglob("dataset_info.json"):
    description.unlink()
  with pytest.raises(ValueError, match=r"is not whole; delete it"):
    public_sets.read(f"rewardbench2={place}")


def test_a_set_that_cannot_be_read_leaves_nothing(tmp_path):
  path = tmp_path / "rows.jsonl"
  path.write_text("{}")
  with pytest.raises(ValueError, match="1 of 1 rows"):
    prepared.comparisons(str(path), tmp_path / "kept")
  assert list((tmp_path / "kept").iterdir()) == []
  with pytest.raises(ValueError, match="none cannot be read"):
    prepared.comparisons("none", tmp_path / "kept")


def test_needs_no_tensorflow_no_jax_and_no_network(tmp_path):
  code = """
    import pathlib, socket, sys
    def no_network(*arguments):
      raise AssertionError(f"network: {arguments}")
    socket.getaddrinfo = socket.socket.connect = no_network
    from rrm_jax.data import prepared
    found = prepared.comparisons(sys.argv[1], pathlib.Path(sys.argv[2]))
    assert len(list(found)) == 2
    assert not {"jax", "tensorflow"} & set(sys.modules)
  """
  spec = jsonl(tmp_path / "raw")
  done = subprocess.run(
    [
      *(sys.executable, "-W", "error", "-c", textwrap.dedent(code)),
      *(spec, str(tmp_path / "kept")),
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
