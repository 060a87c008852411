"""What can be wrong with a fetched file is said by name."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rrm_jax.data import rows

from .published import write_json, write_lines, write_parquet

ROWS = [{"a": 1, "b": ["x", "y"]}, {"a": 2, "b": []}]


@pytest.mark.parametrize(
  ("write", "name", "sources"),
  [
    (write_parquet, "a.parquet", ["row 0", "row 1"]),
    (write_json, "a.json", ["row 0", "row 1"]),
    (write_lines, "a.jsonl", ["1", "2"]),
  ],
)
def test_reads_what_was_written(tmp_path, write, name, sources):
  path = write(tmp_path / name, ROWS)
  found = list(rows.read(path))
  assert [values for values, _ in found] == ROWS
  assert [source.removeprefix(f"{path}:").strip() for _, source in found] == (
    sources
  )


def test_parquet_is_read_in_batches(tmp_path):
  path = write_parquet(tmp_path / "a.parquet", [{"n": n} for n in range(3000)])
  found = list(rows.read(path))
  assert [values["n"] for values, _ in found] == list(range(3000))
  assert found[2999][1].endswith("row 2999")


def test_a_json_file_may_have_a_row_a_line(tmp_path):
  path = write_lines(tmp_path / "a.json", ROWS)
  assert list(rows.read(path)) == [
    (ROWS[0], f"{path}:1"),
    (ROWS[1], f"{path}:2"),
  ]


def test_a_parquet_file_with_other_bytes_than_texts(tmp_path):
  bytes_ = pa.array([b"\xff"], pa.binary())
  texts = pa.Array.from_buffers(pa.string(), 1, bytes_.buffers())
  pq.write_table(pa.table({"a": texts}), tmp_path / "a.parquet")
  with pytest.raises(ValueError, match=r"a\.parquet is no whole .* byte 0xff"):
    list(rows.read(tmp_path / "a.parquet"))


def test_blank_lines_and_separators_within_texts(tmp_path):
  path = tmp_path / "a.jsonl"
  path.write_text('\ufeff{"a": "one\u2028line"}\r\n\n{"a": 2}', "utf-8")
  assert [source[-2:] for _, source in rows.read(path)] == [":1", ":3"]


@pytest.mark.parametrize(
  ("name", "content", "message"),
  [
    ("a.json", b"[1", r"a.json:1: column 3: .*ends in it: was the download"),
    ("a.json", b"[1 2]", r"a.json:1: column 4: no valid JSON: Expecting ','"),
    ("a.json", b"{}", "holds a dict, must hold a list"),
    ("a.json", b"[1]", "row 0 is int, must be an object"),
    ("a.json", b'["\xff"]', "not UTF-8: its byte 3 is 0xff"),
    ("a.json", b"[" * 100_000, "nested too deeply"),
    ("a.jsonl", b'{}\n{"a"', r"a.jsonl:2: column 5: .*the text ends in it"),
    ("a.jsonl", b'{"a": "cut o', r"a.jsonl:1: column 7: .*the text ends in it"),
    ("a.json", b'{"a": 1}\n{"a"', r"a.json:2: column 5: .*the text ends in it"),
    ("a.json", b'{\n"a": 1}', "holds a dict, must hold a list"),
    ("a.jsonl", b"3\n", "a.jsonl:1 is int"),
    ("a.parquet", b"PAR1 and no more", "no whole Parquet file"),
    ("a.json", b"version https://git-lfs.github.com/spec/v1", "git lfs\npull"),
    ("a.json", b"", "is empty; fetch it again"),
    ("a.csv", b"a,b", r"must end in one of \.parquet, \.jsonl, \.json"),
  ],
)
def test_files_that_are_not_whole(tmp_path, name, content, message):
  path = tmp_path / name
  path.write_bytes(content)
  with pytest.raises(ValueError, match=message.replace("\n", " ")):
    list(rows.read(path))


def test_a_cut_parquet_file(tmp_path):
  path = write_parquet(tmp_path / "a.parquet", ROWS)
  path.write_bytes(path.read_bytes()[:-10])
  with pytest.raises(ValueError, match=r"a\.parquet is no whole Parquet file"):
    list(rows.read(path))


def test_a_file_that_is_not_there(tmp_path):
  with pytest.raises(ValueError, match="No such file or directory; is the"):
    list(rows.read(tmp_path / "a.json"))


@pytest.mark.parametrize(
  "names",
  [
    ["train.parquet"],
    ["train.jsonl"],
    ["data/train-00000-of-00001.parquet"],
    ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
    ["data/train-00000-of-00001-b42a775f407cee45.parquet"],
    ["train/part-0.parquet", "train/part-1.parquet"],
    ["data/train/a.jsonl"],
    ["train/a-00000-of-00001.jsonl"],
    ["default/train/0000.parquet"],
  ],
)
def test_files_of_a_split(tmp_path, names):
  for folder in ("data/train", "train", "default/train"):
    (tmp_path / folder).mkdir(parents=True)
  for name in [*names, "data/test-00000-of-00001.parquet", "README.md"]:
    (tmp_path / name).touch()
  found = rows.split_files(tmp_path, "train")
  assert [str(path.relative_to(tmp_path)) for path in found] == names


@pytest.mark.parametrize(
  ("names", "message"),
  [
    ([], "has no split 'train'; the splits in it are: none"),
    (["data/test-00000-of-00001.parquet", "raw.json"], "in it are: raw, test"),
    (
      [
        "data/train-00000-of-00003.parquet",
        "data/train-00002-of-00003.parquet",
      ],
      "lacks 1 of the 3 parts of split 'train', the first being number 00001",
    ),
    (["data/train/train-00001-of-00002.parquet"], "lacks 1 of the 2 parts"),
    (["train.json", "train.jsonl"], "more than one copy of split 'train'"),
    (["train.json", "data/train-00000-of-00001.parquet"], "more than one copy"),
    (
      ["train-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"],
      "copy of split 'train': data/train-00000-of-00001.parquet, train-00000",
    ),
    (
      ["train-00000-of-00001-a.parquet", "train-00000-of-00001-b.parquet"],
      "more than one copy",
    ),
    (
      ["train-00000-of-00001.parquet", "train-00000-of-00002.parquet"],
      "more than one copy",
    ),
  ],
)
def test_splits_that_are_not_whole(tmp_path, names, message):
  (tmp_path / "data/train").mkdir(parents=True)
  for name in names:
    (tmp_path / name).touch()
  with pytest.raises(ValueError, match=message):
    rows.split_files(tmp_path, "train")


def test_a_wrong_folder(tmp_path):
  with pytest.raises(ValueError, match="none does not exist; give the folder"):
    rows.split_files(tmp_path / "none", "train")
  with pytest.raises(ValueError, match=r"no a\.json or b\.json; in it are: no"):
    rows.named_file(tmp_path, "a.json", "b.json")
  (tmp_path / "c.json").touch()
  with pytest.raises(ValueError, match=r"b\.json; in it are: c\.json\. Give"):
    rows.named_file(tmp_path, "a.json", "b.json")


def test_half_a_download_is_said_to_be_one(tmp_path):
  half = tmp_path / ".cache/huggingface/download/data/a1.incomplete"
  half.parent.mkdir(parents=True)
  half.touch()
  for find in (rows.split_files, rows.named_file):
    with pytest.raises(ValueError, match="cut off: run the same `hf downl"):
      find(tmp_path, "train")


def test_a_file_may_stand_for_its_folder(tmp_path):
  file = tmp_path / "mine.jsonl"
  file.touch()
  assert rows.split_files(file, "filtered") == [file]
  with pytest.raises(
    ValueError, match=r"mine\.jsonl is a file; give the folde"
  ):
    rows.named_file(file, "a.json")


def test_a_lone_file_is_the_split_train(tmp_path):
  file = tmp_path / "Some-Pairs.json"
  file.touch()
  (tmp_path / "dataset_infos.json").touch()
  assert rows.split_files(tmp_path, "train") == [file]
  with pytest.raises(ValueError, match=r"no split 'test'; .*: Some-Pairs"):
    rows.split_files(tmp_path, "test")
