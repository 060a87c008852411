"""Reading a program's text, and compiling the engine for real TPU chips."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rrm_jax import config
from tests import tiny
from tools.compile_rollout import hlo, programs

ROOT = Path(__file__).parents[2]

TEXT = """\
HloModule jit_f, is_scheduled=true

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  %y = f32[] parameter(1)
  ROOT %sum = f32[] add(%x, %y)
}

%layers_condition (p: (s32[], f32[8,4])) -> pred[] {
  %p = (s32[], f32[8,4]{1,0:T(8,128)}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%p), index=0
  %bound = s32[]{:T(128)} constant(24)
  ROOT %less = pred[]{:T(512)} compare(%i, %bound), direction=LT
}

%layers_body (p.1: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %p.1 = (s32[], f32[8,4]{1,0:T(8,128)}) parameter(0)
  %x.1 = f32[8,4]{1,0:T(8,128)} get-tuple-element(%p.1), index=1
  %r = f32[8,4]{1,0:T(8,128)S(1)} all-reduce(%x.1), to_apply=%add
  %g = (bf16[2,4]{1,0:T(8,128)(2,1)}, bf16[8,4]{1,0}) all-gather-start(%r), dimensions={0}
  %d = bf16[8,4]{1,0} all-gather-done(%g)
  ROOT %t = (s32[], f32[8,4]) tuple(%x.1, %r)
}

%steps_condition (p.2: (s32[], s32[], f32[8,4])) -> pred[] {
  %p.2 = (s32[], s32[], f32[8,4]) parameter(0)
  %column = s32[] get-tuple-element(%p.2), index=0
  %columns = s32[] constant(64)
  %more = pred[] compare(%column, %columns), direction=LT
  %idle = s32[] get-tuple-element(%p.2), index=1
  %few = pred[] compare(%idle, %columns), direction=LT
  ROOT %both = pred[] and(%more, %few)
}

%copying (p.3: f32[8,4]) -> f32[8,4] {
  %p.3 = f32[8,4] parameter(0)
  ROOT %c = f32[8,4] copy(%p.3)
}

%steps_body (p.4: (s32[], s32[], f32[8,4])) -> (s32[], s32[], f32[8,4]) {
  %p.4 = (s32[], s32[], f32[8,4]) parameter(0)
  %w = (s32[], f32[8,4]) while(%p.4), condition=%layers_condition, body=%layers_body
  %known = (s32[], f32[8,4]) while(%w), condition=%steps_condition, body=%layers_body, backend_config={"known_trip_count":{"n":"3"}}
  %f = f32[8,4] fusion(%known), kind=kLoop, calls=%copying
  %permuted = (s8[16]{0}, s8[16]{0}, u32[], u32[]) collective-permute-start(%f), source_target_pairs={{0,1}}
  ROOT %t.1 = (s32[], s32[], f32[8,4]) tuple(%p.4, %w)
}

ENTRY %main (p.5: f32[8,4]) -> f32[8,4] {
  %p.5 = f32[8,4] parameter(0)
  %copied = f32[8,4]{0,1} copy(%p.5)
  %both = (pred[3]{0}, f32[2]{0}) all-reduce(%copied, %p.5), to_apply=%add
  %loop = (s32[], s32[], f32[8,4]) while(%both), condition=%steps_condition, body=%steps_body
  ROOT %out = f32[8,4] get-tuple-element(%loop), index=2
}
"""  # noqa: E501


def test_collectives_by_hand():
  reduced, gathered = ("all-reduce", ("f32[8,4]",), 128), ("bf16[8,4]",)
  found = [
    (one.kind, one.arrays, one.size, one.times, one.stepping)
    for one in hlo.collectives(TEXT)
  ]
  assert found == [
    ("all-reduce", ("pred[3]", "f32[2]"), 11, 1, False),
    (*reduced, 24, True),
    ("all-gather", gathered, 64, 24, True),
    (*reduced, 3, True),
    ("all-gather", gathered, 64, 3, True),
    ("collective-permute", ("s8[16]",), 16, 1, True),
  ]


def test_copies_by_hand():
  """What is copied inside a fusion is no buffer."""
  assert hlo.copied(TEXT, {"f32[8,4]"}) == 128
  assert hlo.copied(TEXT, {"bf16[8,4]", "f32[4,8]"}) == 0


@pytest.mark.parametrize("stored", ["compute", "int8"])
def test_programs_of_the_devices_at_hand(stored):
  """On CPUs, cut over a mesh and with a buffer per layer."""
  cfg = tiny.variant(num_layers=4, head_dim=32)
  limits = config.Engine(kv_cache=stored)
  work = programs.Work(slots=8, prompts=4, prompt=20, new=490)
  over = tiny.layout(1, 2, 2)
  made = {
    name: programs.measured(name, cfg, over, limits, work)
    for name in ("admit", "decode")
  }
  # 4 layers of 8 / 2 rows and 2 / 2 heads, 510 -> 512 tokens, keys and values.
  each = 32 * 4 if stored == "compute" else 32 + 4
  assert made["decode"].cache == 4 * 4 * 1 * 512 * 2 * each
  for one in made.values():
    assert one.seconds > 0 and one.peak > one.cache
    assert one.aliased >= one.cache
  kinds = {one.kind for one in made["decode"].moved if one.stepping}
  assert "all-reduce" in kinds  # over tensor


def run(*arguments, command=("-m", "tools.compile_rollout")):
  return subprocess.run(
    [sys.executable, *command, *arguments],
    capture_output=True,
    text=True,
    cwd=ROOT,
    env=os.environ | {"XLA_FLAGS": ""},
    timeout=600,
  )


def test_without_libtpu_it_says_what_to_install():
  hidden = (
    "import importlib.util as u; found = u.find_spec; "
    "u.find_spec = lambda n, *a: None if n == 'libtpu' else found(n, *a); "
    "from tools.compile_rollout import __main__ as m; m.app.run(m.main)"
  )
  done = run("--topology=v5e:2x2", command=("-c", hidden))
  assert done.returncode == 1
  assert "pip install 'jax[tpu]==" in done.stderr
  assert len(done.stderr.splitlines()) == 1


tpu = pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu, the compiler for TPUs, is not installed: "
  "pip install 'jax[tpu]'",
)


def cells(done, name):
  """A program's row: seconds, GiB of arguments, temp, peak, and the cache."""
  assert done.returncode == 0, done.stderr
  for line in done.stdout.splitlines():
    words = line.split()
    if words[:1] == [name]:
      return [*map(float, words[1:6])], " ".join(words[6:])
  raise AssertionError(done.stdout)


@tpu
def test_half_a_billion_on_four_chips():
  """Nothing is copied, and no step sends anything."""
  done = run("--topology=v5e:2x2", "--level=O1")
  for name in ("prepare", "prefill"):
    assert cells(done, name)[0][3] < 3
  for name in ("admit", "decode"):
    (_, arguments, temp, peak, cache), place = cells(done, name)
    assert place == "in place"
    # 24 layers, 16 rows, 2 heads, 2,048 tokens of 64, keys and values, bf16.
    assert cache == pytest.approx(0.375, abs=1e-3)
    assert temp < 0.05 and peak < arguments + 0.05
  assert "decode: " not in done.stdout


@tpu
def test_seven_billion_on_sixteen_chips():
  """Its weights are not gathered, though training cuts them 16-fold."""
  done = run(
    "--topology=v5e:4x4", "--mesh=1,16,1", "--preset=qwen2.5-7b",
    "--weights=tensor", "--kv_cache=int8", "--samples=4", "--level=O1",
  )  # fmt: skip
  for name in ("admit", "decode"):
    figures, place = cells(done, name)
    assert place == "in place" and figures[3] < 4.5
  sent = [x for x in done.stdout.splitlines() if x.startswith("decode: ")]
  assert sent
  for line in sent:
    assert float(line.split(" with ")[1].split(" MiB")[0]) < 20


@tpu
@pytest.mark.parametrize(
  "arguments, message",
  [
    (("--topology=v5e:9x9",), "--topology=v5e:9x9: "),
    (("--topology=v5e:2x2", "--mesh=1,3,1"), "needs 3 devices, there are 4"),
    (("--topology=v5e:2x2", "--mesh=4"), "--mesh=4 must be three"),
    (("--topology=v5e:2x2", "--slots=6"), "do not divide into 4 parts"),
    (
      ("--topology=v5e:2x4", "--preset=qwen2.5-7b", "--level=O1"),
      "prepare: RESOURCE_EXHAUSTED: .* exceeds available HBM",
    ),
  ],
)
def test_what_cannot_be_is_said_in_one_line(arguments, message):
  done = run(*arguments)
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert re.search(message, line)
