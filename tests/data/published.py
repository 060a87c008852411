"""Small files of published sets' forms, as the tests write them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  pq.write_table(pa.Table.from_pylist(rows), path)
  return path


def write_json(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(rows))
  return path


def write_lines(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def right(comparison):
  """What a comparison says is the better answer."""
  return comparison.responses[comparison.label - 1]


def wrong(comparison):
  return comparison.responses[2 - comparison.label]


def chat(*texts):
  """Turns of a user and an assistant by turns."""
  roles = ("user", "assistant")
  return [
    {"role": roles[place % 2], "content": text}
    for place, text in enumerate(texts)
  ]
