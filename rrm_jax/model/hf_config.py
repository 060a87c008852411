"""Hugging Face's config.json and our `config.Model`, both ways.

Reads what transformers 4 and 5 write for Qwen2 and writes what both read.
What we would compute otherwise than transformers does is refused by name,
never passed over: a wrong theta or window gives no error, only a worse judge.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rrm_jax import config
from rrm_jax.model.hf_fields import REQUIRED, Fields

ComputeDtype = Literal["float32", "bfloat16"]
DTYPES = ("float32", "bfloat16", "float16")
FULL, SLIDING = "full_attention", "sliding_attention"
# Field by field the value that we compute, where another would matter.
_ONLY = {
  "hidden_act": "silu",
  "use_mrope": False,
  "is_causal": True,
  "partial_rotary_factor": 1,
  "quantization_config": None,
  "compression_config": None,
}
_DEFAULT_ROPE = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
_YARN_ROPE = _DEFAULT_ROPE | {
  "factor",
  "original_max_position_embeddings",
  "attention_factor",
  "beta_fast",
  "beta_slow",
  "truncate",
}


def read(folder: Path, compute_dtype: ComputeDtype = "float32") -> config.Model:
  """The shape of the model in a Hugging Face folder.

  Raises:
    ValueError: config.json is missing, no JSON object, or describes a model
      that is no Qwen2 of ours; names file, field and value.
  """
  path = Path(folder) / "config.json"
  if not path.is_file():
    raise ValueError(
      f"{path} is missing; a Hugging Face folder says there what model it holds"
    )
  try:
    found = json.loads(path.read_text("utf-8"))
  except json.JSONDecodeError as error:
    raise ValueError(f"{path}:{error.lineno}: {error.msg}") from None
  if not isinstance(found, dict):
    raise ValueError(f"{path} holds a {type(found).__name__}, not an object")
  return from_hf_config(found, str(path), compute_dtype)


def from_hf_config(
  found: Mapping[str, Any], where: str, compute_dtype: ComputeDtype = "float32"
) -> config.Model:
  """The shape that a config.json describes.

  A window that no layer uses is dropped. Layers slide as transformers'
  Qwen2Config has it: those of `layer_types`, or else from `max_window_layers`
  on when `use_sliding_window`.

  Args:
    found: The JSON object.
    where: Its file, for messages.
    compute_dtype: Ours to choose: the file's dtype is that of the tensors.

  Raises:
    ValueError: a field is missing, mistyped, impossible, or asks for what we
      do not compute; names file, field and value.
  """
  fields = Fields(found, where)
  _check_kind(fields)
  heads, width = (
    fields.whole(f) for f in ("num_attention_heads", "hidden_size")
  )
  if fields.values.get("head_dim") is None and width % heads:
    raise fields.wrong(
      "hidden_size", f"is no multiple of num_attention_heads={heads}"
    )
  layers = fields.whole("num_hidden_layers")
  window, sliding = _sliding(fields, layers)
  theta, yarn = _rope(fields)
  kv_heads = heads
  if found.get("num_key_value_heads", "absent") is not None:
    kv_heads = fields.whole("num_key_value_heads")
  shape = {
    "vocab_size": fields.whole("vocab_size"),
    "embed_dim": width,
    "mlp_dim": fields.whole("intermediate_size"),
    "num_layers": layers,
    "num_heads": heads,
    "num_kv_heads": kv_heads,
    "head_dim": fields.whole("head_dim", width // heads),
    "rope_theta": theta,
    "norm_eps": fields.positive("rms_norm_eps"),
    "tied_embeddings": fields.get("tie_word_embeddings", False, (bool,)),
    "max_positions": fields.whole("max_position_embeddings"),
    "yarn": yarn,
    "sliding_window": window,
    "sliding_layers": sliding,
    "compute_dtype": compute_dtype,
  }
  return config.from_mapping(config.Model, shape, where)


def _check_kind(fields: Fields) -> None:
  """Raises unless the model is a plain Qwen2 decoder."""
  if fields.get("model_type", REQUIRED, (str,)) != "qwen2":
    raise fields.wrong("model_type", "is another architecture; only 'qwen2'")
  if fields.get("architectures", [], (list,)) not in ([], ["Qwen2ForCausalLM"]):
    raise fields.wrong("architectures", "must be ['Qwen2ForCausalLM']")
  for name, only in _ONLY.items():
    value = fields.values.get(name)
    if value is not None and value != only:
      raise fields.wrong(name, f"is not supported, only {only!r}")
  for name in fields.get("auto_map", {}, (dict,)):
    if name.startswith("AutoModel"):
      raise fields.wrong("auto_map", "brings model code that we do not run")


def _sliding(fields: Fields, layers: int) -> tuple[int, tuple[int, ...]]:
  """The window and the layers that have it."""
  window = None
  if fields.get("use_sliding_window", False, (bool,)):
    absent = "sliding_window" not in fields.values
    window = fields.whole("sliding_window", 4096 if absent else None)
  types = fields.get("layer_types", None, (list,))
  if types is None:
    first = fields.whole("max_window_layers", 28, least=0)
    sliding = tuple(range(first, layers)) if window else ()
  else:
    if len(types) != layers or not {*map(str, types)} <= {FULL, SLIDING}:
      raise fields.wrong(
        "layer_types", f"must name {FULL!r} or {SLIDING!r} for {layers} layers"
      )
    sliding = tuple(i for i, kind in enumerate(types) if kind == SLIDING)
  if sliding and window is None:
    raise fields.wrong(
      "layer_types", "slide without use_sliding_window and a sliding_window"
    )
  return (window or 0, sliding) if sliding else (0, ())


def _rope(fields: Fields) -> tuple[float, config.Yarn | None]:
  """Theta and YaRN from wherever they stand; all places must agree."""
  thetas, yarns = set(), set()
  if fields.values.get("rope_theta") is not None:
    thetas.add(fields.positive("rope_theta"))
  for name in ("rope_parameters", "rope_scaling"):
    values = fields.get(name, {}, (dict,))
    if not values:
      continue
    group = Fields(values, f"{fields.where}: {name}")
    if values.get("rope_theta") is not None:
      thetas.add(group.positive("rope_theta"))
    yarns.add(_yarn(group, fields.whole("max_position_embeddings")))
  if not thetas:
    raise fields.wrong("rope_theta", "is missing; a Qwen2 model needs it")
  if len(thetas) > 1:
    raise fields.wrong("rope_theta", f"is given twice: {sorted(thetas)}")
  if len(yarns) > 1:
    raise fields.wrong("rope_scaling", "disagrees with rope_parameters")
  theta = thetas.pop()
  if theta <= 1:
    raise fields.wrong("rope_theta", f"{theta} must be above 1")
  return theta, yarns.pop() if yarns else None


def _yarn(group: Fields, max_positions: int) -> config.Yarn | None:
  """The YaRN of a group of rope fields, None where it has none."""
  names = [n for n in ("rope_type", "type") if group.values.get(n) is not None]
  kinds = {group.get(name, None, (str,)) for name in names}
  if len(kinds) > 1 or not kinds <= {"default", "yarn"}:
    raise group.wrong(names[0], "is not supported, only 'default' and 'yarn'")
  kind = kinds.pop() if kinds else "default"
  known = _YARN_ROPE if kind == "yarn" else _DEFAULT_ROPE
  for name, value in group.values.items():
    if value is not None and name not in known:
      raise group.wrong(name, f"is not supported with rope type {kind!r}")
  if group.positive("partial_rotary_factor", 1.0) != 1:
    raise group.wrong("partial_rotary_factor", "is not supported, only 1")
  if kind == "default":
    return None
  made = config.Yarn(
    factor=group.positive("factor"),
    original_positions=group.whole(
      "original_max_position_embeddings", max_positions
    ),
    beta_fast=group.positive("beta_fast", 32.0),
    beta_slow=group.positive("beta_slow", 1.0),
    attention_factor=group.positive("attention_factor", None),
    truncated=group.get("truncate", True, (bool,)),
  )
  if made.factor < 1:
    raise group.wrong("factor", "must be at least 1")
  if made.beta_fast < made.beta_slow:
    raise group.wrong("beta_fast", f"is below beta_slow={made.beta_slow}")
  return made


def to_hf_config(
  cfg: config.Model,
  dtype: str,
  *,
  eos: int | None = None,
  pad: int | None = None,
  bos: int | None = None,
) -> dict[str, Any]:
  """The config.json of a model, for transformers 4 and 5 and what reads theirs.

  Rope, windows and dtype stand twice, in the words of both versions.
  `compute_dtype` and `remat` are not the model's and stay out.

  Args:
    cfg: The model's shape.
    dtype: Of the saved tensors: "float32", "bfloat16" or "float16".
    eos: The id that ends an answer.
    pad: The id that fills rows.
    bos: The id that begins a row.

  Raises:
    ValueError: the dtype is none that we save.
  """
  if dtype not in DTYPES:
    raise ValueError(f"dtype={dtype!r} is not one of {', '.join(DTYPES)}")
  sliding = set(cfg.sliding_layers)
  # Readers older than `layer_types` take the layers from one on.
  first = cfg.num_layers
  while first - 1 in sliding:
    first -= 1
  rope = _rope_group(cfg.yarn)
  made: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "dtype": dtype,
    "hidden_act": "silu",
    "hidden_size": cfg.embed_dim,
    "initializer_range": 0.02,
    "intermediate_size": cfg.mlp_dim,
    "layer_types": [
      SLIDING if i in sliding else FULL for i in range(cfg.num_layers)
    ],
    "max_position_embeddings": cfg.max_positions,
    "max_window_layers": first,
    "model_type": "qwen2",
    "num_attention_heads": cfg.num_heads,
    "num_hidden_layers": cfg.num_layers,
    "num_key_value_heads": cfg.num_kv_heads,
    "rms_norm_eps": cfg.norm_eps,
    "rope_parameters": {"rope_theta": cfg.rope_theta, **rope},
    "rope_scaling": rope if cfg.yarn else None,
    "rope_theta": cfg.rope_theta,
    "sliding_window": cfg.sliding_window if sliding else None,
    "tie_word_embeddings": cfg.tied_embeddings,
    "torch_dtype": dtype,
    "use_cache": True,
    "use_sliding_window": bool(sliding),
    "vocab_size": cfg.vocab_size,
  }
  if cfg.head_dim * cfg.num_heads != cfg.embed_dim:
    made["head_dim"] = cfg.head_dim
  ids = {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad}
  return made | {name: i for name, i in ids.items() if i is not None}


def _rope_group(yarn: config.Yarn | None) -> dict[str, Any]:
  if yarn is None:
    return {"rope_type": "default"}
  group = {
    "rope_type": "yarn",
    "factor": yarn.factor,
    "original_max_position_embeddings": yarn.original_positions,
    "beta_fast": yarn.beta_fast,
    "beta_slow": yarn.beta_slow,
  }
  if yarn.attention_factor is not None:
    group["attention_factor"] = yarn.attention_factor
  if not yarn.truncated:
    group["truncate"] = False
  return group
