"""Axis rules and layouts say no where an array would land wrongly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from rrm_jax import config, sharding
from rrm_jax.model import qwen2
from tests import tiny


def test_specs_by_hand():
  rules = sharding.AxisRules()
  spec = rules.spec(("layers", "embed", "heads", "head_dim"))
  assert spec == PartitionSpec(None, "fsdp", "tensor", None)
  assert rules.spec(("batch", None)) == PartitionSpec(("data", "fsdp"), None)
  assert rules.spec(()) == PartitionSpec()


def test_an_unknown_axis_is_an_error():
  with pytest.raises(ValueError, match=r"'embedd' is no logical axis.*embed"):
    sharding.AxisRules().spec(("layers", "embedd"))


@pytest.mark.parametrize(
  "axes", [("embed", "embed"), ("batch", "embed"), ("mlp", None, "vocab")]
)
def test_a_mesh_axis_used_twice_is_an_error(axes):
  with pytest.raises(ValueError, match="use a mesh axis twice"):
    sharding.AxisRules().spec(axes)


def test_other_rules():
  rules = sharding.AxisRules(embed=None, batch="data")
  assert rules.spec(("batch", "embed")) == PartitionSpec("data", None)


@pytest.mark.parametrize("data, fsdp, tensor", tiny.MESHES)
def test_every_parameter_is_cut_as_its_axes_say(data, fsdp, tensor):
  over = tiny.layout(data, fsdp, tensor)
  params = tiny.placed(tiny.params(), over)
  parts = {
    "embed": fsdp, "heads": tensor, "kv_heads": tensor, "mlp": tensor,
    "vocab": tensor, "layers": 1, "head_dim": 1,
  }  # fmt: skip

  def check(axes, x):
    expected = tuple(
      size // parts[axis] for size, axis in zip(x.shape, axes, strict=True)
    )
    assert len(x.addressable_shards) == data * fsdp * tensor
    assert all(shard.data.shape == expected for shard in x.addressable_shards)

  axes = qwen2.logical_axes(tiny.MODEL)
  jax.tree.map(check, axes, params, is_leaf=lambda x: isinstance(x, tuple))


def test_an_uneven_cut_names_the_parameter():
  cfg = tiny.variant(num_heads=3, num_kv_heads=3)
  over = tiny.layout(fsdp=4, tensor=2)
  message = (
    r"\['layers'\]\['attention'\]\['k'\]\['bias'\] of shape \(2, 3, 8\): "
    r"kv_heads=3 does not divide into 2 parts along mesh axes \('tensor',\)"
  )
  with pytest.raises(ValueError, match=message):
    over.shardings(qwen2.logical_axes(cfg), qwen2.abstract(cfg))


def test_an_even_cut_is_none():
  cfg = tiny.MODEL
  over = tiny.layout(fsdp=4, tensor=2)
  made = over.shardings(qwen2.logical_axes(cfg), qwen2.abstract(cfg))
  assert made["embedding"].spec == PartitionSpec("tensor", "fsdp")


@pytest.mark.parametrize(
  "asked, shape",
  [
    (config.Mesh(), (1, 8, 1)),
    (config.Mesh(data=-1, fsdp=2, tensor=2), (2, 2, 2)),
    (config.Mesh(data=2, fsdp=1, tensor=-1), (2, 1, 4)),
    (config.Mesh(data=1, fsdp=4, tensor=2), (1, 4, 2)),
    (config.Mesh(data=8, fsdp=-1, tensor=1), (8, 1, 1)),
  ],
)
def test_the_rest_of_the_devices(asked, shape):
  over = sharding.layout(asked)
  assert tuple(over.mesh.shape.values()) == shape
  assert tuple(over.mesh.shape) == sharding.MESH_AXES
  assert over.batch_parts == shape[0] * shape[1]


@pytest.mark.parametrize(
  "asked, message",
  [
    (config.Mesh(data=1, fsdp=3, tensor=1), "needs 3 devices, there are 8"),
    (config.Mesh(data=3, fsdp=-1, tensor=1), "needs 6 devices, there are 8"),
    (config.Mesh(data=16, fsdp=-1, tensor=1), "there are 8; set config.mesh"),
    (config.Mesh(data=-1, fsdp=-1, tensor=1), "at most one axis may be -1"),
    (config.Mesh(data=0, fsdp=-1, tensor=1), "data.*0"),
    (config.Mesh(data=-2, fsdp=-4, tensor=1), "data.*-2"),
  ],
)
def test_an_impossible_mesh_is_an_error(asked, message):
  with pytest.raises(ValueError, match=message):
    sharding.layout(asked)


def test_batch_parts():
  over = tiny.layout(2, 2, 2)
  assert over.batch_parts == 4
  whole = sharding.Layout(over.mesh, sharding.AxisRules(batch=None))
  assert whole.batch_parts == 1
  one = sharding.Layout(over.mesh, sharding.AxisRules(batch="data"))
  assert one.batch_parts == 2


def test_there_and_back():
  over = tiny.layout(2, 2, 2)
  tree = {
    "rows": np.arange(24, dtype=np.float32).reshape(8, 3),
    "flags": np.array([True, False] * 4),
    "scalar": np.int32(7),
  }
  shardings = {
    "rows": over.named("batch", None),
    "flags": over.named("batch"),
    "scalar": over.replicated,
  }
  there = sharding.put(tree, shardings)
  assert {s.data.shape for s in there["rows"].addressable_shards} == {(2, 3)}
  back = sharding.fetch(there)
  for name, value in tree.items():
    assert isinstance(back[name], np.ndarray)
    assert back[name].dtype == value.dtype
    np.testing.assert_array_equal(back[name], value)


def test_one_sharding_for_a_whole_tree():
  over = tiny.layout(fsdp=4)
  there = sharding.put([np.zeros((8, 2)), np.ones(4)], over.named("batch"))
  assert [x.addressable_shards[0].data.shape for x in there] == [(2, 2), (1,)]


def test_constrain_cuts_an_intermediate():
  over = tiny.layout(fsdp=4, tensor=2)
  out = jax.jit(lambda x: over.constrain(2 * x, "batch", "mlp"))(
    jnp.ones((8, 6))
  )
  assert out.addressable_shards[0].data.shape == (2, 3)


def test_keys_are_folded_one_after_the_other():
  expected = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), 1), 2)
  over = tiny.layout(fsdp=8)
  same = jax.random.key_data(sharding.key(3, over, 1, 2))
  assert (same == jax.random.key_data(expected)).all()
  assert (same != jax.random.key_data(sharding.key(3, over, 2, 1))).any()


def test_one_process_speaks_for_itself():
  assert sharding.is_lead()
  assert sharding.any_process(True) and not sharding.any_process(False)


def test_each_slice_is_read_once():
  over = tiny.layout(2, 2, 2)
  whole = np.arange(48, dtype=np.float32).reshape(4, 12)
  asked = []

  def read(index):
    asked.append(whole[index].shape)
    return whole[index]

  with jax.transfer_guard("disallow"):
    there = sharding.put_slices((4, 12), over.named("embed", "mlp"), read)
  assert asked == [(2, 6)] * 4  # eight devices hold them
  np.testing.assert_array_equal(sharding.fetch(there), whole)
  assert there.sharding == over.named("embed", "mlp")
  asked.clear()
  sharding.put_slices((4, 12), over.replicated, read)
  assert asked == [(4, 12)]


def test_put_on_a_device_without_a_mesh():
  one = jax.sharding.SingleDeviceSharding(jax.devices()[3])
  there = sharding.put([np.int32(7), np.ones(3)], one)
  assert [x.devices() for x in there] == [{jax.devices()[3]}] * 2
