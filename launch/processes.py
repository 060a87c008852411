"""The processes of a job: how one joins the others, and how it leaves them.

  python -m launch.train ... --coordinator=HOST:PORT --processes=N --process=I
  srun python -m launch.train ... --coordinator=auto

The first is started on every host, I from 0 to N - 1.
"""

import logging
import os
import socket
import sys
import threading

import jax
from absl import flags

_COORDINATOR = flags.DEFINE_string(
  "coordinator", "", 'host:port of process 0; "auto" where jax finds it.'
)
_PROCESSES = flags.DEFINE_integer("processes", None, "Processes of the job.")
_PROCESS = flags.DEFINE_integer("process", None, "Which one this is, from 0.")
_TIMEOUT = flags.DEFINE_integer(
  "join_timeout", 300, "Seconds that processes wait for each other to join."
)
_GOODBYE = 10  # seconds
_JOBS = (
  "a TPU VM, a GKE or Kubernetes job (the latter with jax[k8s]), a step that "
  "srun started, Open MPI's mpirun before version 5"
)


def join() -> None:
  """Joins the processes that the flags speak of; without any, goes alone.

  Where not all come in time, the process ends with an error and status 1: jax
  would abort it with a dump of its stack.

  Raises:
    ValueError: the flags contradict each other, the port is taken, or "auto"
      finds no job.
  """
  coordinator, timeout = _COORDINATOR.value, _TIMEOUT.value
  check(coordinator, _PROCESSES.value, _PROCESS.value, timeout)
  if not coordinator:
    return
  if _PROCESS.value == 0:
    _check_free(coordinator)
  missing = _end_after(
    timeout,
    f"--coordinator={coordinator}: not all processes joined within "
    f"--join_timeout={timeout} seconds; start this command on every host, and "
    "see that they reach the port of process 0",
  )
  try:
    jax.distributed.initialize(
      None if coordinator == "auto" else coordinator,
      _PROCESSES.value,
      _PROCESS.value,
      initialization_timeout=2 * timeout,  # ours is first
    )
    logging.info(
      "process %d of %d, with %d of %d devices",
      jax.process_index(),
      jax.process_count(),
      jax.local_device_count(),
      jax.device_count(),
    )
  except ValueError as error:
    raise ValueError(
      f"--coordinator={coordinator}: {error} jax looked for {_JOBS}; anywhere "
      "else say --coordinator=HOST:PORT --processes=N --process=I"
    ) from error
  finally:
    missing.cancel()


def check(
  coordinator: str, processes: int | None, process: int | None, timeout: int
) -> None:
  """Whether the flags fit together.

  Raises:
    ValueError: they do not.
  """
  given = f"--processes={processes} --process={process}"
  if timeout < 1:
    raise ValueError(f"--join_timeout={timeout} must be at least 1 second")
  if coordinator in ("", "auto"):
    if (processes, process) == (None, None):
      return
    raise ValueError(
      f'{given} with --coordinator="{coordinator}": say HOST:PORT of process '
      "0 there, or leave them out"
    )
  host, _, port = coordinator.rpartition(":")
  if not (host and port.isdecimal() and 0 < int(port) < 2**16):
    raise ValueError(
      f'--coordinator={coordinator} is neither "auto" nor HOST:PORT of '
      "process 0, such as 10.0.0.1:1234"
    )
  if processes is None or process is None or not 0 <= process < processes:
    raise ValueError(
      f"--coordinator={coordinator} with {given}: each of N processes says "
      "--processes=N, and for --process a number of its own from 0 to N - 1"
    )


def _check_free(coordinator: str) -> None:
  """Whether process 0 can listen; jax crashes where it cannot."""
  try:
    socket.create_server(("", int(coordinator.rpartition(":")[2]))).close()
  except OSError as error:
    raise ValueError(
      f"--coordinator={coordinator}: process 0 cannot listen there: {error}; "
      "choose another port"
    ) from error


def part() -> None:
  """Bounds how long a process that has failed waits for the others.

  jax takes leave of all of them together, for minutes if one is gone.
  """
  if jax.distributed.is_initialized():
    _end_after(
      _GOODBYE,
      "left without the other processes; the same command on all continues",
    )


def _end_after(seconds: float, reason: str) -> threading.Timer:
  """Ends the process if it is still there; may be cancelled."""

  def end() -> None:
    print(f"error: {reason}", file=sys.stderr, flush=True)
    os._exit(1)

  timer = threading.Timer(seconds, end)
  timer.daemon = True
  timer.start()
  return timer
