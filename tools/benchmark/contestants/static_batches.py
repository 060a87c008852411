"""Transformers' `generate`: static batches, each run to its longest row."""

import os
from typing import Any

import torch
import transformers

from tools import host_memory
from tools.benchmark.contestants import process, track


def device() -> str:
  """Where to compute."""
  return "cuda" if torch.cuda.is_available() else "cpu"


def model(weights: str, dtype: str) -> Any:
  """The weights, with the attention that a user gets."""
  transformers.logging.set_verbosity_error()
  found: Any = transformers.AutoModelForCausalLM.from_pretrained(
    weights, dtype=dtype, attn_implementation="sdpa"
  )
  return found.to(device()).eval()


def peak() -> int:
  """Of the device's memory, or the host's if that is where tensors live."""
  if device() == "cpu":
    return host_memory.peak()
  return torch.cuda.max_memory_allocated()


def libraries() -> dict[str, str]:
  """Versions."""
  return {
    "transformers": transformers.__version__,
    "torch": torch.__version__,
  }


def drawn(**more: int | bool | str) -> transformers.GenerationConfig:
  """Sampling from the whole softmax at temperature 1."""
  return transformers.GenerationConfig(
    do_sample=True,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    pad_token_id=0,
    **more,
  )


class FirstToken(transformers.StoppingCriteria):
  """Never stops anyone; sees every token as it is written."""

  def __init__(self, clock: track.Clock):
    self._clock = clock

  def __call__(
    self, input_ids: torch.Tensor, scores: object, **_: object
  ) -> torch.Tensor:
    """False for every row."""
    self._clock.first()
    return torch.zeros(
      input_ids.shape[0], dtype=torch.bool, device=input_ids.device
    )


def prepare(work: track.Work) -> process.Ready[track.Lap]:
  """Reads the weights."""
  judge = model(work.weights, work.dtype)

  def lap(number: int) -> track.Lap:
    torch.manual_seed(number)
    clock = track.Clock()
    written: list[list[int]] = []
    steps = 0
    for batch in work.batches():
      widest = max(len(r.prompt) for r in batch)
      rows = [[0] * (widest - len(r.prompt)) + r.prompt for r in batch]
      ids = torch.tensor(rows, device=device())
      longest = max(r.length for r in batch)
      with torch.inference_mode():
        out = judge.generate(
          ids,
          attention_mask=ids != 0,
          generation_config=drawn(max_new_tokens=longest),
          stopping_criteria=transformers.StoppingCriteriaList(
            [FirstToken(clock)]
          ),
        )
      for row, request in zip(out[:, widest:].tolist(), batch, strict=True):
        written.append(row[: request.length])
      steps += longest
    return track.Lap(written, clock.seen, steps)

  return process.Ready(
    lap=lap,
    libraries=libraries(),
    note=(
      f"static batches of {work.slots} as they come, each run to its longest; "
      f"attention sdpa, {torch.get_num_threads()} threads (waiting "
      f"{os.environ.get('OMP_WAIT_POLICY', 'actively')}), no torch.compile"
    ),
    peak=peak,
  )


if __name__ == "__main__":
  track.run(prepare)
