r"""Writes a workdir's weights as a Hugging Face folder, and reads them back.

  python -m tools.export_hf --workdir=DIR --output=HF_DIR \
    [--weights=rl@15] [--dtype=bfloat16] [--shard_gb=5]

HF_DIR gets model*.safetensors, config.json, generation_config.json, the
tokenizer with its chat template, and a model card. It appears under its name
when all of it has been read back and found equal.
"""

from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import setup
from rrm_jax.train import export
from tools import measuring

_WORKDIR = flags.DEFINE_string(
  "workdir", None, "A workdir of launch.train or tools.import_hf.",
  required=True,
)  # fmt: skip
_OUTPUT = flags.DEFINE_string(
  "output", None, "The Hugging Face folder to make.", required=True
)
_WEIGHTS = flags.DEFINE_string(
  "weights", "", '"stage" or "stage@step"; the model it reports on if empty.'
)
_DTYPE = flags.DEFINE_enum(
  "dtype", None, ["float32", "bfloat16", "float16"],
  "Of the tensors. By default as they were imported; of trained weights that "
  "in which the model computes.",
)  # fmt: skip
_SHARD_GB = flags.DEFINE_float(
  "shard_gb", 5.0, "The most for one file of weights.", lower_bound=1e-9
)


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  output = Path(_OUTPUT.value)
  try:
    with jax.transfer_guard("disallow"), measuring.effort() as effort:
      size = export.export(
        Path(_WORKDIR.value),
        output,
        role=_WEIGHTS.value,
        dtype=_DTYPE.value,
        shard_bytes=int(_SHARD_GB.value * 1e9),
      )
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  print(effort.line(size, output))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
