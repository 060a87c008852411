"""How transformers' Qwen2 tensors correspond to our parameters.

The table, and whether a folder holds what the table asks for.
"""

import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jaxtyping import PyTree

from rrm_jax import config
from rrm_jax.model import qwen2, shards

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
_Q, _KV = "(heads head_dim)", "(kv_heads head_dim)"
# Their name, ours, and the axes of theirs by our names: what is in brackets is
# one dimension there. Theirs are [out, in], ours [in, out] with the layers
# stacked; the order of the rows is that of transformers' state dict.
_TABLE = (
  (EMBEDDING, "embedding", "vocab embed"),
  ("self_attn.q_proj.weight", "attention/q/kernel", f"{_Q} embed"),
  ("self_attn.q_proj.bias", "attention/q/bias", _Q),
  ("self_attn.k_proj.weight", "attention/k/kernel", f"{_KV} embed"),
  ("self_attn.k_proj.bias", "attention/k/bias", _KV),
  ("self_attn.v_proj.weight", "attention/v/kernel", f"{_KV} embed"),
  ("self_attn.v_proj.bias", "attention/v/bias", _KV),
  ("self_attn.o_proj.weight", "attention/o/kernel", f"embed {_Q}"),
  ("mlp.gate_proj.weight", "mlp/gate/kernel", "mlp embed"),
  ("mlp.up_proj.weight", "mlp/up/kernel", "mlp embed"),
  ("mlp.down_proj.weight", "mlp/down/kernel", "embed mlp"),
  ("input_layernorm.weight", "attention_norm/scale", "embed"),
  ("post_attention_layernorm.weight", "mlp_norm/scale", "embed"),
  ("model.norm.weight", "final_norm/scale", "embed"),
  (HEAD, "unembedding", "vocab embed"),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
  """A row of the table, for one model.

  Attributes:
    theirs: Their name, with {layer} where there is one tensor a layer.
    ours: The way to our array.
    axes: Of their tensor, none of them merged.
    seen: Its shape by these axes.
    stored: Its shape in the file.
    order: `seen` transposed so is ours, without the layers.
    layers: How many there are; 0 if it is not of a layer.
  """

  theirs: str
  ours: str
  axes: tuple[str, ...]
  seen: tuple[int, ...]
  stored: tuple[int, ...]
  order: tuple[int, ...]
  layers: int

  @property
  def names(self) -> list[str]:
    """Their tensors of this kind, by layer."""
    return [self.theirs.format(layer=i) for i in range(max(1, self.layers))]

  @property
  def shape(self) -> tuple[int, ...]:
    """Of our array, with its layers."""
    inner = tuple(self.seen[dim] for dim in self.order)
    return (self.layers, *inner) if self.layers else inner


def flat(tree: PyTree) -> dict[str, Any]:
  """Leaves by their way through the tree; a tuple of axes is a leaf."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(
    tree, is_leaf=lambda x: isinstance(x, tuple)
  )
  return {
    jax.tree_util.keystr(path, simple=True, separator="/"): leaf
    for path, leaf in leaves
  }


@functools.cache
def kinds(cfg: config.Model) -> tuple[Kind, ...]:
  """The table for this model; a tied one has no unembedding."""
  axes, shapes = flat(qwen2.logical_axes(cfg)), flat(qwen2.abstract(cfg))
  made = []
  for theirs, ours, merged in _TABLE:
    if f"layers/{ours}" in shapes:
      theirs, ours = f"model.layers.{{layer}}.{theirs}", f"layers/{ours}"
    if ours not in shapes:
      continue
    sizes = dict(zip(axes[ours], shapes[ours].shape, strict=True))
    layers = sizes.pop("layers", 0)
    groups = [g.strip("()").split() for g in re.findall(r"\(.*?\)|\S+", merged)]
    names = tuple(name for group in groups for name in group)
    made.append(
      Kind(
        theirs,
        ours,
        names,
        tuple(sizes[name] for name in names),
        tuple(math.prod(sizes[name] for name in group) for group in groups),
        tuple(names.index(name) for name in sizes),
        layers,
      )
    )
  assert {kind.ours for kind in made} == set(shapes), "the table is not whole"
  return tuple(made)


def places(cfg: config.Model) -> dict[str, tuple[Kind, int]]:
  """Kind and layer of each of their tensors, in transformers' order."""
  rows = kinds(cfg)
  inner = [kind for kind in rows if kind.layers]
  made = {}
  for kind in rows:
    if not kind.layers:
      made[kind.theirs] = (kind, 0)
    elif kind is inner[0]:
      for layer in range(cfg.num_layers):
        made |= {each.names[layer]: (each, layer) for each in inner}
  return made


def one_dtype(found: dict[str, shards.Tensor]) -> str:
  """The dtype of all tensors; ValueError if there are several."""
  what = (
    "store all tensors in one of them: transformers' from_pretrained(folder, "
    "dtype='bfloat16'), then save_pretrained(other)"
  )
  first = next(iter(found.values()))
  for tensor in found.values():
    if tensor.dtype not in shards.DTYPES:
      raise ValueError(
        f"{tensor.where} is {tensor.dtype}, known are "
        f"{', '.join(shards.DTYPES)}; {what}"
      )
    if tensor.dtype != first.dtype:
      raise ValueError(
        f"{tensor.where} is {tensor.dtype}, but {first.where} is "
        f"{first.dtype}; {what}"
      )
  return shards.DTYPES[first.dtype]


def checked(folder: Path, cfg: config.Model) -> dict[str, shards.Tensor]:
  """The folder's tensors, if they are this model's; reads headers only."""
  found = shards.tensors(folder)
  if not found:
    raise ValueError(f"the files in {folder} hold no tensors")
  one_dtype(found)
  wanted = {name: kind.stored for name, (kind, _) in places(cfg).items()}
  for name in wanted:
    if name not in found:
      raise ValueError(
        f"tensor {name} is in none of {_files(found)}; the model has "
        f"num_layers={cfg.num_layers}, tied_embeddings={cfg.tied_embeddings}: "
        "is the config this folder's?"
      )
  if cfg.tied_embeddings:  # some writers store it all the same
    wanted[HEAD] = wanted[EMBEDDING]
  for name, tensor in found.items():
    if name not in wanted:
      raise ValueError(
        f"{tensor.where} is none of this model's (num_layers="
        f"{cfg.num_layers}); its weights or its config are another model's"
      )
    if tensor.shape != wanted[name]:
      raise ValueError(
        f"{tensor.where} has shape {list(tensor.shape)}, the model needs "
        f"{list(wanted[name])}; its weights or its config are another model's"
      )
  return found


def _files(found: dict[str, shards.Tensor]) -> str:
  files = sorted({str(tensor.file) for tensor in found.values()})
  return ", ".join(files[:3] + ["..."] * (len(files) > 3))
