"""Makes a workdir of a Hugging Face folder.

  python -m tools.import_hf --source=HF_DIR --output=DIR

Nothing needs it: whatever takes a workdir takes a Hugging Face folder as well.
It is for keeping weights as verified, sharded checkpoints, in the dtype of the
source. DIR holds its own tokenizer and may be moved:

  python -m launch.evaluate --model=DIR --data=llmbar --output=OUT
  python -m launch.train --config=... --config.init_from=DIR --workdir=...
"""

from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import setup
from rrm_jax.train import importing
from tools import measuring

_SOURCE = flags.DEFINE_string(
  "source", None, "A Hugging Face folder.", required=True
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "The workdir to make.", required=True
)


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  output = Path(_OUTPUT.value)
  try:
    with jax.transfer_guard("disallow"), measuring.effort() as effort:
      size = importing.import_folder(Path(_SOURCE.value), output)
  except setup.TOLD as error:
    setup.fail(error)
    return 1
  print(effort.line(size, output))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
