r"""Trains a reward reasoning model.

  python -m launch.train --config=configs/mini.py --workdir=runs/mini \
    [--config.seed=1] [--config.stages.rl.steps=200]

The same command continues a run that was interrupted, killed or preempted.
On several hosts, start it on each with --coordinator (see README).
"""

import logging
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import jax
from absl import app, flags

from launch import processes, setup
from rrm_jax import config, sharding, workdir
from rrm_jax.analysis.summary import readable
from rrm_jax.metrics import MetricWriter
from rrm_jax.text import tokenizer as tokenizers
from rrm_jax.train import loading, loop, preflight, report
from rrm_jax.train.job import Job, run_stages

flags.adopt_module_key_flags(processes)
_CONFIG = setup.config_flag("A Python file, and its fields.")
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder for all that the run writes.", required=True
)

_asked: list[int] = []


def _ask(signum: int, frame: types.FrameType | None) -> None:
  """First time: finish the step, save, leave. Second time: leave now."""
  del frame
  if _asked:
    sys.exit(128 + signum)
  _asked.append(signum)
  logging.warning(
    "%s: saving after this step; once more to leave at once",
    signal.Signals(signum).name,
  )


def _run(job_config: config.Job, folder: Path) -> dict:
  tokenizer = tokenizers.load(job_config.tokenizer)
  if tokenizer.vocab_size > job_config.model.vocab_size:
    raise ValueError(
      f"model.vocab_size={job_config.model.vocab_size} is less than the "
      f"{tokenizer.vocab_size} ids of tokenizer {job_config.tokenizer!r}"
    )
  layout = sharding.layout(job_config.mesh)
  workdir.check_config(folder, job_config)
  data = loading.splits(job_config, tokenizer, folder / "data")
  preflight.check(job_config, data, tokenizer, layout)
  # What was refused leaves the workdir free for the config that is right.
  workdir.write_config(folder, job_config)
  if job_config.data.source != "arithmetic":  # which is of the config alone
    _hold_to(data, folder)
  with MetricWriter(folder) as writer:
    job = Job(
      cfg=job_config,
      folder=folder,
      layout=layout,
      tokenizer=tokenizer,
      data=data,
      writer=writer,
      interrupted=lambda: sharding.any_process(bool(_asked)),
    )
    run_stages(job)
    return report.write(job)


def _hold_to(data: loading.Splits, folder: Path) -> None:
  """Refuses to continue a run on other data."""
  found = loading.held_to(data)
  workdir.check_data(folder, found)
  if sharding.is_lead():
    workdir.write_data(folder, found)


def main(argv: Sequence[str]) -> int:
  """Returns the exit status: 0 done, 1 failed, 128 + n stopped by signal n."""
  if len(argv) > 1:
    raise app.UsageError(f"arguments that are no flags: {argv[1:]}")
  setup.quiet_logs()
  try:
    job_config = config.from_mapping(config.Job, _CONFIG.value.to_dict())
    processes.join()
    # After joining, which takes SIGTERM for jax's own notice of preemption.
    for signum in (signal.SIGINT, signal.SIGTERM):
      signal.signal(signum, _ask)
    setup.compilation_cache()
    folder = setup.output_folder(_WORKDIR.value, "workdir")
    with jax.transfer_guard("disallow"):
      done = _run(job_config, folder)
  except loop.Interrupted as stop:
    logging.warning("stopped at %s; the same command continues", stop)
    return 128 + (_asked[0] if _asked else signal.SIGTERM)
  except setup.TOLD as error:
    setup.fail(error)
    processes.part()
    return 1
  except BaseException:
    processes.part()
    raise
  if sharding.is_lead():
    print(readable(done))
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=setup.parse_flags)
