"""What a compiled program does, read from its text, against counts by hand."""

import jax
import jax.numpy as jnp
import pytest

from tests import tiny
from tools.plan import counting, hlo
from tools.plan.collectives import by_kind, collectives

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
  %i.1 = s32[]{:T(128)} get-tuple-element(%p.1), index=0
  %one = s32[]{:T(128)} constant(1)
  %next = s32[]{:T(128)} add(%i.1, %one)
  %x.1 = f32[8,4]{1,0:T(8,128)} get-tuple-element(%p.1), index=1
  %r = f32[8,4]{1,0:T(8,128)S(1)} all-reduce(%x.1), replica_groups={{0,1},{2,3}}, to_apply=%add, metadata={op_name="jit(f)/while/body/mlp/dot_general" stack_frame_id=1}
  %g = (bf16[2,4]{1,0:T(8,128)(2,1)}, bf16[8,4]{1,0}) all-gather-start(%r), replica_groups=[1,4]<=[4], dimensions={0}
  %d = bf16[8,4]{1,0} all-gather-done(%g)
  ROOT %t = (s32[], f32[8,4]) tuple(%next, %x.1)
}

%by_twos_body (p.6: (u32[], f32[8,4])) -> (u32[], f32[8,4]) {
  %p.6 = (u32[], f32[8,4]) parameter(0)
  %i.6 = u32[] get-tuple-element(%p.6), index=0
  %two = u32[] constant(2)
  %next.6 = u32[] add(%i.6, %two)
  %x.6 = f32[8,4] get-tuple-element(%p.6), index=1
  %scattered = f32[2,4] reduce-scatter(%x.6), replica_groups=[1,4]<=[4], to_apply=%add
  %kept = u32[] copy(%next.6)
  ROOT %t.6 = (u32[], f32[8,4]) tuple(%kept, %x.6)
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
  %twos = (u32[], f32[8,4]) while(%w), condition=%layers_condition, body=%by_twos_body
  %known = (s32[], f32[8,4]) while(%twos), condition=%steps_condition, body=%layers_body, backend_config={"known_trip_count":{"n":"3"}}
  %y.4 = f32[8,4] get-tuple-element(%known), index=1
  %f = f32[8,4] fusion(%y.4), kind=kLoop, calls=%copying
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

# A layer's slice of a stack is read, a slice of another written, in a loop of
# five turns; a product of matrices as TPUs write it, and attention's kernel.
WORK = """\
%slicing (s: bf16[5,64,32], i: s32[], o: bf16[5,64,32]) -> bf16[5,64,32] {
  %s = bf16[5,64,32] parameter(0)
  %i = s32[] parameter(1)
  %o = bf16[5,64,32] parameter(2)
  %z = s32[] constant(0)
  %layer = bf16[1,64,32] dynamic-slice(%s, %i, %z, %z), dynamic_slice_sizes={1,64,32}
  %twice = bf16[1,64,32] add(%layer, %layer)
  %view = bf16[5,64,32] bitcast(%o)
  ROOT %put = bf16[5,64,32] dynamic-update-slice(%view, %twice, %i, %z, %z)
}

%condition (p: (s32[], bf16[5,64,32], bf16[5,64,32])) -> pred[] {
  %p = (s32[], bf16[5,64,32], bf16[5,64,32]) parameter(0)
  %n = s32[] get-tuple-element(%p), index=0
  %five = s32[] constant(5)
  ROOT %less = pred[] compare(%n, %five), direction=LT
}

%body (p.1: (s32[], bf16[5,64,32], bf16[5,64,32])) -> (s32[], bf16[5,64,32], bf16[5,64,32]) {
  %p.1 = (s32[], bf16[5,64,32], bf16[5,64,32]) parameter(0)
  %n.1 = s32[] get-tuple-element(%p.1), index=0
  %one = s32[] constant(1)
  %next = s32[] add(%n.1, %one)
  %s.1 = bf16[5,64,32] get-tuple-element(%p.1), index=1
  %o.1 = bf16[5,64,32] get-tuple-element(%p.1), index=2
  %sliced = bf16[5,64,32] fusion(%s.1, %n.1, %o.1), kind=kLoop, calls=%slicing
  ROOT %t = (s32[], bf16[5,64,32], bf16[5,64,32]) tuple(%next, %s.1, %sliced)
}

ENTRY %main (a: bf16[16,2,8], w: bf16[4,2,8,6]) -> f32[] {
  %a = bf16[16,2,8]{2,1,0} parameter(0)
  %w = bf16[4,2,8,6]{3,2,1,0:T(8,128)S(1)} parameter(1)
  %i.9 = bf16[16,1,8,2] bitcast(%a)
  %c = bf16[16,4,6,1] convolution(%i.9, %w), window={size=4x2 pad=3_3x0_0 rhs_reversal=1x0}, dim_labels=b0f1_01io->b0f1
  %q = bf16[4,128,64] parameter(2)
  %k = bf16[2,256,64] parameter(3)
  %splash_mha_fwd_residuals.2 = bf16[4,128,64] custom-call(%q, %k, %k), custom_call_target="tpu_custom_call"
  %l = (s32[], bf16[5,64,32], bf16[5,64,32]) parameter(4)
  %loop = (s32[], bf16[5,64,32], bf16[5,64,32]) while(%l), condition=%condition, body=%body
  ROOT %out = f32[] constant(0)
}
"""  # noqa: E501


def test_collectives_by_hand():
  reduced, gathered = ("all-reduce", ["f32[8,4]"], 2), ["bf16[8,4]"]
  sent = collectives(hlo.parsed(TEXT), devices=8)
  found = [
    (x.kind, [*map(str, x.arrays)], x.devices, x.times, x.stepping)
    for x in sent
  ]
  assert found == [
    ("all-reduce", ["pred[3]", "f32[2]"], 8, 1, False),
    (*reduced, 24, True),
    ("all-gather", gathered, 4, 24, True),
    ("reduce-scatter", ["f32[2,4]"], 4, 12, True),
    (*reduced, 3, True),
    ("all-gather", gathered, 4, 3, True),
    ("collective-permute", ["s8[16]"], 8, 1, True),
  ]
  assert sent[1].source == "mlp/dot_general"


def test_what_a_device_receives_by_hand():
  """Of two a sum's whole size; of four three quarters of what is gathered."""
  sent = collectives(hlo.parsed(TEXT), devices=8)
  assert by_kind(sent) == {
    "all-reduce": 2 * 7 / 8 * 11 + 27 * 128,
    "all-gather": 27 * 48,
    "reduce-scatter": 12 * 3 * 32,
    "collective-permute": 16,
  }


def test_copies_by_hand():
  """What is copied inside a fusion is no buffer."""
  program = hlo.parsed(TEXT)
  assert counting.copied(program, {"f32[8,4]"}) == 128
  assert counting.copied(program, {"bf16[8,4]", "f32[4,8]"}) == 0


def test_work_by_hand():
  call, step = counting.work(hlo.parsed(WORK))
  # Four heads of 6, from a row of 8 times 2; 128 queries after 128 keys.
  product = 2 * 16 * 4 * 6 * 8 * 2
  attention = 2 * 2 * 4 * 64 * (128 * 128 + 128**2 / 2)
  assert call.flops == product + attention
  # The weights are near already. A layer is read and written, not its stack,
  # and beside it the counters.
  layers = 5 * (2 * 2 * 64 * 32 + 4) + 5 * 3 * 4
  assert call.moved == (
    2 * (16 * 16 + 16 * 4 * 6) + 2 * 64 * (2 * 4 * 128 + 2 * 2 * 256) + layers
  )
  assert step == (0, 0)


def test_an_unknown_kernel_is_not_passed_over():
  text = WORK.replace("splash_mha_fwd_residuals", "paged_attention")
  with pytest.raises(AssertionError, match="not known: %paged_attention"):
    counting.work(hlo.parsed(text))


def test_a_program_of_the_devices_at_hand():
  """A scan of products, each cut in two: every turn is counted."""
  over = tiny.layout(1, 2, 1)

  def scanned(x, weights):
    return jax.lax.scan(lambda y, w: (jnp.tanh(y @ w), None), x, weights)[0]

  text = (
    jax.jit(scanned, in_shardings=(over.named("batch"), over.replicated))
    .lower(jnp.ones((64, 128)), jnp.ones((7, 128, 128)))
    .compile()
    .as_text()
  )
  program = hlo.parsed(text)
  call, _ = counting.work(program)
  assert call.flops == 7 * 2 * 32 * 128 * 128
  # Each turn reads and writes the rows and reads its matrix.
  assert call.moved >= 7 * 4 * (2 * 32 * 128 + 128 * 128)
  assert call.moved < 3 * 7 * 4 * (2 * 32 * 128 + 128 * 128)
  assert not collectives(program, 2)
