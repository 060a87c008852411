"""Weights in and out of a Hugging Face folder, tensor by tensor.

One table (`hf_table`) says how the two sides correspond, and is read in both
directions. Nothing here holds a model on the host: a tensor's slices go from
the file to the accelerators that want them (`hf_programs`), or to their place
in memory where the devices are CPUs (`hf_host`).
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from rrm_jax import config, sharding
from rrm_jax.batches import Params
from rrm_jax.model import (
  hf_host,
  hf_programs,
  qwen2,
  shard_reader,
  shard_writer,
  shards,
)
from rrm_jax.model.hf_table import (
  EMBEDDING,
  HEAD,
  checked,
  flat,
  one_dtype,
  places,
)
from rrm_jax.sharding import Layout

Progress = Callable[[int], None]


def size(cfg: config.Model, dtype: str) -> int:
  """Bytes of all tensors of the folder that `save` would write."""
  counts = (math.prod(kind.seen) for kind, _ in places(cfg).values())
  return sum(counts) * shards.itemsize(_known(dtype))


def dtype_of(folder: Path) -> str:
  """The dtype of a folder's tensors: float32, bfloat16 or float16.

  Raises:
    ValueError: the folder is damaged, or its tensors are not of one of these.
  """
  return one_dtype(shards.tensors(folder))


def _known(dtype: str) -> str:
  if dtype not in shards.DTYPES.values():
    raise ValueError(
      f"dtype={dtype!r} is none of {', '.join(shards.DTYPES.values())}"
    )
  return dtype


def load(
  folder: Path,
  cfg: config.Model,
  layout: Layout,
  dtype: str = "float32",
  progress: Progress | None = None,
) -> Params:
  """Reads a folder's *.safetensors into sharded arrays.

  Each process reads only what its devices hold; beside the arrays it needs
  memory for about one tensor.

  Args:
    folder: As transformers' `save_pretrained` writes it.
    cfg: The model's shape.
    layout: How the arrays are cut.
    dtype: Theirs: float32, or one of 16 bits for weights that are not trained;
      float16 only of a float16 folder, as other values may not fit.
    progress: Gets the bytes of the tensors read so far.

  Raises:
    ValueError: a tensor is missing, not the model's, of a wrong shape or
      dtype, there twice, or its file is damaged; names tensor and file, before
      any tensor is read.
  """
  _known(dtype)
  shapes = qwen2.abstract(cfg)
  cuts = flat(layout.shardings(qwen2.logical_axes(cfg), shapes))
  found = checked(folder, cfg)
  if dtype == "float16" and one_dtype(found) != dtype:
    raise ValueError(
      f"dtype='float16', but {folder} is {one_dtype(found)}, whose values may "
      "be too large for it; load as float32 or bfloat16"
    )
  twin = found.pop(HEAD, None) if cfg.tied_embeddings else None
  _agree(lambda: _check_twin(found[EMBEDDING], twin))
  way = hf_host if sharding.on_host(layout.mesh.devices.flat) else hf_programs
  done = 0

  def advance(size: int) -> None:
    nonlocal done
    done += size
    if progress is not None:
      progress(done)

  made = way.load(found, cfg, dtype, cuts, advance)
  leaves = [made[name] for name in flat(shapes)]
  return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def _check_twin(embedding: shards.Tensor, twin: shards.Tensor | None) -> None:
  """Some writers store a tied embedding twice."""
  if twin is not None and not shard_reader.same(embedding, twin):
    raise ValueError(
      f"{twin.where} is not equal to {embedding.name}, but the config says "
      "tied_embeddings=True; if the weights are right, say False"
    )


def save(
  params: Params,
  cfg: config.Model,
  folder: Path,
  dtype: str,
  shard_bytes: int = 5_000_000_000,
  progress: Progress | None = None,
) -> None:
  """Writes model*.safetensors as transformers reads them.

  All processes take part; the first one writes.

  Args:
    params: As `qwen2.init` makes them, on devices, f32 or bf16.
    cfg: The model's shape.
    folder: Made if it is not there; must not hold weights.
    dtype: Of the files: float32, bfloat16 or float16.
    shard_bytes: Most bytes of tensors in one file.
    progress: Gets the bytes written so far.

  Raises:
    ValueError: the folder holds weights, the parameters are not the model's,
      or a value is too large for the dtype; names the tensor.
  """
  stored = {name: kind.stored for name, (kind, _) in places(cfg).items()}
  arrays = _arrays(params, cfg, _known(dtype))
  _agree(lambda: shard_writer.check_free(folder))
  if sharding.is_lead():
    shard_writer.write(folder, stored, dtype, arrays, shard_bytes, progress)
  else:
    deque(arrays, maxlen=0)
  sharding.any_process(False)  # nobody goes on before the files are there


def verify(
  params: Params,
  cfg: config.Model,
  folder: Path,
  dtype: str,
  progress: Progress | None = None,
) -> None:
  """Compares a folder with parameters, bit by bit.

  All processes take part; the first one reads.

  Args:
    params: As for `save`.
    cfg: The model's shape.
    folder: What `save` wrote.
    dtype: What it was told.
    progress: Gets the bytes compared so far.

  Raises:
    ValueError: a tensor is not what `save` would write; names it and its file.
  """
  found: dict[str, shards.Tensor] = {}
  wrong: list[str] = []
  done = 0

  def check() -> None:
    found.update(checked(folder, cfg))
    held = one_dtype(found)
    if held != dtype:
      raise ValueError(f"the tensors in {folder} are {held}, not {dtype}")

  _agree(check)
  for name, array in zip(
    places(cfg), _arrays(params, cfg, _known(dtype)), strict=True
  ):
    twins = (HEAD,) if cfg.tied_embeddings and name == EMBEDDING else ()
    for each in (name, *twins):
      if each in found and not shard_reader.equal(found[each], array):
        wrong.append(found[each].where)
    done += array.nbytes
    if progress is not None and sharding.is_lead():
      progress(done)

  def report() -> None:
    if wrong:
      raise ValueError(
        f"{wrong[0]} is not what the parameters give in {dtype} "
        f"({len(wrong)} of {len(found)} tensors differ); write it again"
      )

  _agree(report)


def _agree(check: Callable[[], None]) -> None:
  """Runs a check in the first process; if it fails, all raise."""
  fault = ""
  if sharding.is_lead():
    try:
      check()
    except ValueError as error:
      fault = str(error)
  if sharding.any_process(bool(fault)):
    raise ValueError(fault or "the first process's message says what is wrong")


def _arrays(
  params: Params, cfg: config.Model, dtype: str
) -> Iterator[np.ndarray]:
  """Their tensors on the host, one by one, in the order of `places`."""
  leaves, shapes = flat(params), flat(qwen2.abstract(cfg))
  for name in leaves | shapes:
    ours, wanted = (
      x[name].shape if name in x else "missing" for x in (leaves, shapes)
    )
    if ours != wanted:
      raise ValueError(
        f"parameter {name} is {ours}, in the config's model it is {wanted}"
      )
  return _fetched(leaves, cfg, dtype)


def _fetched(
  leaves: dict[str, jax.Array], cfg: config.Model, dtype: str
) -> Iterator[np.ndarray]:
  """As `_arrays`, once that has checked its arguments."""
  way = hf_host if all(map(sharding.near, leaves.values())) else hf_programs
  arrays = way.take(leaves, cfg, dtype)
  for (name, (kind, _)), host in zip(places(cfg).items(), arrays, strict=True):
    _check_finite(host, name, str(leaves[kind.ours].dtype))
    yield host.reshape(kind.stored)
    del host  # before the next one is made


def _check_finite(array: np.ndarray, name: str, dtype: str) -> None:
  """Raises if what has been cast from `dtype` is not finite any more."""
  if array.dtype == dtype or array.dtype == np.float32:
    return
  top = {"float16": 0x7C00, "bfloat16": 0x7F80}[str(array.dtype)]
  flat = shard_reader.bits(array).reshape(-1)
  step = 1 << 18  # stays in a processor's cache
  for i in range(0, flat.size, step):
    if (flat[i : i + step] & top).max() == top:
      raise ValueError(
        f"tensor {name} has values that {array.dtype} cannot hold (its largest "
        f"is {jnp.finfo(array.dtype).max}); save in another dtype"
      )
