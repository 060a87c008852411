"""Two processes find each other however they were started, or say why not."""

import socket
import subprocess
import sys

import pytest

from launch import processes
from tests.launch import running

ALONE = """
import sys
import jax
from absl import flags
from launch import processes
from rrm_jax import sharding
flags.FLAGS(sys.argv)
processes.join()
lead = sharding.is_lead()
print(jax.process_index(), jax.device_count(), sharding.any_process(not lead))
"""


def joining(flags, told):
  return subprocess.Popen(
    [sys.executable, "-c", ALONE, *flags],
    cwd=running.ROOT, env=running.environment(2) | told, text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )  # fmt: skip


@pytest.mark.parametrize("launcher", [None, *running.LAUNCHERS])
def test_two_processes_join(launcher):
  port = running.free_port()
  both = [
    joining(*running.one_of_two(process, port, launcher))
    for process in range(2)
  ]
  outputs = [process.communicate(timeout=running.LONG) for process in both]
  assert [process.returncode for process in both] == [0, 0], outputs
  for number, (output, _) in enumerate(outputs):
    assert f"{number} 4 True" in output  # beside what gloo says


@pytest.mark.parametrize("process", [0, 1])
def test_a_process_that_stays_alone_says_so(process):
  flags, told = running.one_of_two(process, running.free_port())
  alone = joining([*flags, "--join_timeout=2"], told)
  _, errors = alone.communicate(timeout=running.LONG)
  assert alone.returncode == 1
  (line,) = errors.splitlines()
  assert line.startswith(f"error: {flags[0]}: not all processes joined within")
  assert "--join_timeout=2 seconds" in line


def test_auto_where_there_is_no_job():
  alone = joining(["--coordinator=auto"], {})
  _, errors = alone.communicate(timeout=running.LONG)
  assert alone.returncode == 1
  last = errors.splitlines()[-1]
  assert last.startswith("ValueError: --coordinator=auto: ")
  assert "anywhere else say --coordinator=HOST:PORT --processes=N" in last


def test_a_port_that_is_taken():
  with socket.socket(socket.AF_INET6) as taken:
    taken.bind(("::", 0))
    taken.listen()
    lead = joining(*running.one_of_two(0, taken.getsockname()[1]))
    _, errors = lead.communicate(timeout=running.LONG)
  assert lead.returncode == 1
  last = errors.splitlines()[-1]
  assert last.startswith("ValueError: --coordinator=localhost:")
  assert "in use" in last and last.endswith("choose another port")


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (("", 2, 0), '--processes=2 --process=0 with --coordinator=""'),
    (("auto", 2, None), "or leave them out"),
    (("localhost", 2, 0), "--coordinator=localhost is neither"),
    (("localhost:http", 2, 0), "nor HOST:PORT"),
    ((":1234", 2, 0), "nor HOST:PORT"),
    (("localhost:70000", 2, 0), "nor HOST:PORT"),
    (("localhost:1234", None, 0), "--processes=None --process=0: each of N"),
    (("localhost:1234", 2, None), "--process=None: each of N"),
    (("localhost:1234", 2, 2), "from 0 to N - 1"),
    (("localhost:1234", 2, -1), "from 0 to N - 1"),
  ],
)
def test_flags_that_do_not_fit_together(flags, message):
  with pytest.raises(ValueError) as caught:
    processes.check(*flags, timeout=300)
  assert message in str(caught.value)


@pytest.mark.parametrize(
  "flags",
  [("", None, None), ("auto", None, None), ("[::1]:1234", 2, 1), ("a:1", 1, 0)],
)
def test_flags_that_do(flags):
  processes.check(*flags, timeout=1)
  with pytest.raises(ValueError, match="--join_timeout=0 must be"):
    processes.check(*flags, timeout=0)
