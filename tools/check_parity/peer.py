"""Transformers' Qwen2 on torch: what it reads, computes and says.

The only file that imports torch.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Seen(NamedTuple):
  """What went into the peer's modules and came out, by the module's name."""

  into: dict[str, np.ndarray]
  out: dict[str, np.ndarray]


def load(folder: Path) -> Any:
  """Transformers' model in f32.

  Raises:
    ValueError: torch or transformers is not installed.
  """
  try:
    import torch
    import transformers
  except ImportError as error:
    raise ValueError(
      f"the peer is transformers' model on torch, and {error.name} is not "
      "installed: pip install -e '.[test]'"
    ) from None
  transformers.utils.logging.set_verbosity_error()
  transformers.utils.logging.disable_progress_bar()
  model = transformers.AutoModelForCausalLM.from_pretrained(
    str(folder),
    dtype=torch.float32,
    attn_implementation="eager",
    local_files_only=True,
  )
  return model.eval()


def read(peer: Any, tokens: np.ndarray) -> tuple[Seen, np.ndarray]:
  """The peer's activations, and its logits [T, V]."""
  import torch

  seen = Seen({}, {})
  handles = []
  for name, module in peer.named_modules():

    def hook(
      _: Any, given: tuple, named: dict, made: Any, name: str = name
    ) -> None:
      x = given[0] if given else named.get("hidden_states")
      y = made[0] if isinstance(made, tuple) else made
      if torch.is_tensor(x) and torch.is_tensor(y):
        seen.into[name], seen.out[name] = x.numpy(), y.numpy()

    if name.startswith("model.") and name.count(".") <= 3:
      handles.append(module.register_forward_hook(hook, with_kwargs=True))
  with torch.no_grad():
    logits = peer(torch.tensor(tokens).long()).logits
  for handle in handles:
    handle.remove()
  return seen, logits[0].numpy()


def decode(
  peer: Any, tokens: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """The peer's greedy continuation [n], and the logits of each [n, V]."""
  import torch

  ids, cache, rows = torch.tensor(tokens).long(), None, []
  with torch.no_grad():
    for _ in range(count):
      said = peer(ids, past_key_values=cache, use_cache=True)
      cache = said.past_key_values
      rows.append(said.logits[0, -1].numpy())
      ids = said.logits[:, -1:].argmax(-1)
  logits = np.stack(rows)
  return logits.argmax(-1), logits
